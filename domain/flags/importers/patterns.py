"""A regular expression that only asks for a beginning, an end or a part of a text is a clause; no other one is."""

import re

from domain.canonical import Json
from domain.flags.importers.reports import Untranslatable

_LITERAL = re.compile(r"(?:[\w @:/#%&=~,;<>'\"-]|\\[.@/+*?()\[\]{}|^$\\-])*")
_ESCAPE = re.compile(r"\\(.)")


def matching(value: Json, pattern: str) -> Json:
    """The clause that holds where the pattern is found in the text."""
    anchored = pattern.startswith("^")
    body = pattern[1:] if anchored else pattern
    ended = body.endswith("$") and not body.endswith("\\$")
    body = body[:-1] if ended else body
    if not _LITERAL.fullmatch(body):
        raise Untranslatable(f"there is no operator for the regular expression {pattern[:100]!r}")
    text = _ESCAPE.sub(r"\1", body)
    if anchored and ended:
        return {"===": [value, text]}
    if anchored:
        return {"starts_with": [value, text]}
    return {"ends_with": [value, text]} if ended else {"in": [text, value]}
