"""How a system is asked and how its answers are read is said by its tenant, as JSON with $fields and pointers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Final
from urllib.parse import quote

from domain.approvals import Answer
from domain.canonical import Json
from domain.errors import Fault, Invalid

FIELDS: Final = frozenset(
    {"ticket", "approval", "digest", "level", "title", "environment", "requester", "deadline", "reason", "summary",
     "link", "callback"}
)  # fmt: skip
"""What a text may name as $field while a ticket is made."""
LATER: Final = FIELDS - {"summary"}
"""What it may name afterwards: the summary is read once."""
KEYED: Final = LATER | {"key"}
"""Where the ticket is known: `key` is what it is called there."""
ENDED: Final = KEYED | {"outcome"}
"""`outcome`: how the request ended, as its standing; `changed` where other content is asked about now."""
MOST_BYTES: Final = 16 * 1024
LEAST_EVERY: Final = 10
MOST_EVERY: Final = 86_400
CLOSING: Final = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class _Part:
    """The members that it needs, those that it may have, and what its texts may name."""

    needed: frozenset[str]
    more: frozenset[str] = frozenset()
    fields: frozenset[str] = FIELDS


_PARTS: Final = {
    "create": _Part(frozenset({"path", "body", "key"})),
    "find": _Part(frozenset({"path", "key"}), fields=LATER),
    "poll": _Part(frozenset({"path", "state"}), frozenset({"reason", "every_seconds"}), KEYED),
    "callback": _Part(frozenset({"ticket", "digest", "state"}), frozenset({"reason"})),
    "close": _Part(frozenset({"path", "body"}), frozenset({"method"}), ENDED),
}
_POINTERS: Final = ("key", "state", "reason", "ticket", "digest")


@dataclass(frozen=True)
class Said:
    """What an answer says: None while nothing is decided."""

    answer: Answer | None
    reason: str = ""


@dataclass(frozen=True)
class Ask:
    """One request: a path below the system's address, and a body where it has one."""

    method: str
    path: str
    body: Json | None = None


class Asking:
    """A mapping that was checked."""

    def __init__(self, raw: Json) -> None:
        self._raw = raw

    @property
    def every(self) -> float:
        """Seconds between two looks at a ticket; an hour where it is never looked at, only ended."""
        return float(self._raw.get("poll", {"every_seconds": 3600}).get("every_seconds", 60))

    @property
    def polls(self) -> bool:
        return "poll" in self._raw

    @property
    def finds(self) -> bool:
        return "find" in self._raw

    @property
    def closes(self) -> bool:
        return "close" in self._raw

    def create(self, fields: Mapping[str, str]) -> Ask:
        part = self._raw["create"]
        return Ask("POST", _path(part["path"], fields), _filled(part["body"], fields))

    def find(self, fields: Mapping[str, str]) -> Ask | None:
        """How to look for a ticket that may have been made by an attempt whose answer was lost."""
        part = self._raw.get("find")
        return Ask("GET", _path(part["path"], fields)) if part else None

    def poll(self, fields: Mapping[str, str], key: str) -> Ask:
        return Ask("GET", _path(self._raw["poll"]["path"], {**fields, "key": key}))

    def close(self, fields: Mapping[str, str], key: str, outcome: str) -> Ask | None:
        """How a ticket is ended there whose request ended here."""
        part = self._raw.get("close")
        if part is None:
            return None
        said = {**fields, "key": key, "outcome": outcome}
        return Ask(part.get("method", "POST"), _path(part["path"], said), _filled(part["body"], said))

    def created(self, answer: Json) -> str | None:
        return _text(resolved(answer, self._raw["create"]["key"]))

    def found(self, answer: Json) -> str | None:
        return _text(resolved(answer, self._raw["find"]["key"]))

    def polled(self, answer: Json) -> Said:
        return self._said(self._raw["poll"], answer)

    def bound(self, answer: Json) -> tuple[str | None, str | None]:
        """Which ticket a callback is about, and for which content."""
        part = self._raw.get("callback") or {}
        return tuple(_text(resolved(answer, part[name])) if name in part else None for name in ("ticket", "digest"))  # type: ignore[return-value]  # two names, two texts

    def heard(self, answer: Json) -> Said:
        return self._said(self._raw["callback"], answer)

    def _said(self, part: Json, answer: Json) -> Said:
        state = _text(resolved(answer, part["state"]))
        reason = _text(resolved(answer, part["reason"])) if "reason" in part else None
        for verdict, word in ((Answer.APPROVE, "approved"), (Answer.REJECT, "rejected")):
            if state is not None and state in self._raw[word]:
                return Said(verdict, reason or "")
        return Said(None)


def parsed_mapping(raw: Json, path: str = "/mapping") -> Asking:
    """Invalid names every fault."""
    faults = list(_faults(raw, path))
    if faults:
        raise Invalid(faults)
    return Asking(raw)


def resolved(document: Json, pointer: str) -> Json:
    """What stands there (RFC 6901), None where nothing does."""
    here = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(name)
        elif isinstance(here, list) and name.isdecimal() and int(name[:9]) < len(here):
            here = here[int(name)]
        else:
            return None
    return here


def _faults(raw: Json, path: str) -> Iterator[Fault]:
    if not isinstance(raw, dict) or len(json.dumps(raw)) > MOST_BYTES:
        yield Fault(path, f"an object of at most {MOST_BYTES} bytes")
        return
    for name in sorted(raw.keys() - {*_PARTS, "approved", "rejected"}):
        yield Fault(f"{path}/{name}", "unknown field")
    if "create" not in raw:
        yield Fault(f"{path}/create", "how a ticket is made")
    if not {"poll", "callback"} & raw.keys():
        yield Fault(path, "poll or callback: how the answer comes")
    for name in _PARTS.keys() & raw.keys():
        yield from _part_faults(raw[name], f"{path}/{name}", _PARTS[name])
    yield from _word_faults(raw, path)


def _part_faults(part: Json, path: str, known: _Part) -> Iterator[Fault]:
    if not isinstance(part, dict):
        yield Fault(path, "an object")
        return
    for name in sorted(known.needed - part.keys()):
        yield Fault(f"{path}/{name}", "is needed")
    for name in sorted(part.keys() - known.needed - known.more):
        yield Fault(f"{path}/{name}", "unknown field")
    for name in set(_POINTERS) & part.keys() & (known.needed | known.more):
        if not isinstance(part[name], str) or not part[name].startswith("/"):
            yield Fault(f"{path}/{name}", "a JSON Pointer, like /result/state")
    if "path" in part and not (isinstance(part["path"], str) and part["path"].startswith("/")):
        yield Fault(f"{path}/path", "a path below the address, that begins with /")
    else:
        yield from _template_faults(part.get("path", ""), f"{path}/path", known.fields)
    yield from _template_faults(part.get("body", ""), f"{path}/body", known.fields)
    if part.get("method", "POST") not in CLOSING:
        yield Fault(f"{path}/method", "one of " + ", ".join(CLOSING))
    every = part.get("every_seconds", LEAST_EVERY)
    if isinstance(every, bool) or not isinstance(every, int | float) or not LEAST_EVERY <= every <= MOST_EVERY:
        yield Fault(f"{path}/every_seconds", f"{LEAST_EVERY} to {MOST_EVERY} seconds")


def _word_faults(raw: dict[str, Json], path: str) -> Iterator[Fault]:
    for name in ("approved", "rejected"):
        words = raw.get(name)
        if not isinstance(words, list) or not words or not all(isinstance(each, str) for each in words):
            yield Fault(f"{path}/{name}", "the states that mean so, at least one")
            return
    if set(raw["approved"]) & set(raw["rejected"]):
        yield Fault(f"{path}/rejected", "no state means both")


def _template_faults(value: Json, path: str, known: frozenset[str]) -> Iterator[Fault]:
    for text in _texts(value):
        template = Template(text)
        if not template.is_valid():
            yield Fault(path, "a $ that is no field is written $$")
        elif unknown := sorted(set(template.get_identifiers()) - known):
            yield Fault(path, f"${unknown[0]} is no field; there are " + ", ".join(sorted(known)))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _filled(value: Json, fields: Mapping[str, str]) -> Json:
    """Fields are set into texts that were parsed before: nothing that they hold can become structure."""
    if isinstance(value, str):
        return Template(value).substitute(fields)
    if isinstance(value, dict):
        return {name: _filled(inner, fields) for name, inner in value.items()}
    return [_filled(inner, fields) for inner in value] if isinstance(value, list) else value


def _path(path: str, fields: Mapping[str, str]) -> str:
    return Template(path).substitute({name: quote(value, safe="") for name, value in fields.items()})


def _text(value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)[:500] or None
