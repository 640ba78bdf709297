"""The text of a bundle is JSON that says each thing once, and nothing that JSON does not know."""

import json
from typing import Any, NoReturn

from domain.canonical import Json
from domain.errors import Fault, Invalid

_NUL = "\\u0000"


class NotJson(Invalid):
    """This is not the JSON text (RFC 8259) of a bundle."""

    kind = "bundle-not-json"


def read_bundle_text(text: bytes) -> Json:
    """Raises NotJson, also for a name that stands twice in one object: readers differ about which one counts."""
    try:
        raw = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_unknown)
    except UnicodeDecodeError:
        raise NotJson([Fault("", "expected UTF-8")]) from None
    except json.JSONDecodeError as error:
        raise NotJson([Fault("", f"expected JSON; line {error.lineno} has none")]) from None
    except RecursionError:
        raise NotJson([Fault("", "nested too deep")]) from None
    except ValueError:  # a number with more digits than Python converts
        raise NotJson([Fault("", "expected numbers that can be held exactly")]) from None
    if _NUL.encode() in text:
        raise NotJson([Fault("", "holds the character U+0000, which cannot be stored")])
    return raw


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson([Fault("", f"the name {twice[:100]!r} stands twice in one object")])
    return found


def _unknown(name: str) -> NoReturn:
    raise NotJson([Fault("", f"expected JSON, which does not know {name}")])
