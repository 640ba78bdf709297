"""Answers of the API as frozen values; a field that a newer API adds is passed by."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from changegate.errors import Unreachable

T = TypeVar("T")
Json = Any
"""A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of them."""


@dataclass(frozen=True)
class Effective:
    """What is in force; `found` is false where nobody said anything and there is no default.

    `winner` is the scope that said it ("" the tenant itself, None the default); of a secret `value` is its fingerprint.
    """

    key: str
    type: str
    value: Json
    found: bool
    seconds: float | None
    winner: str | None
    next_change: datetime | None
    epoch: int


@dataclass(frozen=True)
class TraceLine:
    """What one level says, and how it counts."""

    level: str
    state: str
    value: Json
    has_value: bool
    version: int | None
    since: datetime | None
    until: datetime | None
    written_by: UUID | None
    change: UUID | None
    reason: str | None


@dataclass(frozen=True)
class Explanation:
    """Every level from broad to narrow."""

    effective: Effective
    constraint: Json
    trace: tuple[TraceLine, ...]


@dataclass(frozen=True)
class Entry:
    """One version at one scope."""

    environment: str
    key: str
    scope: str
    version: int
    state: str
    value: Json
    enforced: bool
    constraint: Json
    since: datetime
    until: datetime | None
    origin: str
    change: UUID | None
    reason: str
    written_by: UUID | None
    written_at: datetime


@dataclass(frozen=True)
class Stored:
    """What a scope itself says; `version` is the newest there, 0 for none, and what a write names."""

    entries: tuple[Entry, ...]
    version: int


@dataclass(frozen=True)
class Affected:
    """A narrower scope whose own value counts no more, or not as written."""

    key: str
    scope: str
    how: str
    by: str


@dataclass(frozen=True)
class Change:
    """A change set; `digest` is what people approve."""

    id: UUID
    target: Json
    digest: str
    status: str
    revision: int
    author: UUID
    reason: str
    created_at: datetime
    targets: Json = None
    plan: Json = None


@dataclass(frozen=True)
class Submitted:
    """The change that waits for approval; its approval has the same id."""

    change: Change
    approval: UUID
    standing: str
    levels: int


@dataclass(frozen=True)
class Outcome:
    """What a write did: nothing yet, if `submitted` waits for approval."""

    entries: tuple[Entry, ...]
    affected: tuple[Affected, ...]
    epoch: int
    submitted: Submitted | None


@dataclass(frozen=True)
class Approval:
    """A request for approval; `open_level` counts from 1."""

    id: UUID
    environment: str
    standing: str
    digest: str
    open_level: int | None
    votes: Json
    deadline: datetime
    change: Change


@dataclass(frozen=True)
class Imported:
    """`outcome` is no_changes, planned, applied or submitted; `values` and `definitions` are what differs."""

    outcome: str
    definitions: Json
    values: Json
    equal: int
    epoch: int | None
    submitted: Submitted | None


@dataclass(frozen=True)
class Item:
    """One value of a batch; `unset` inherits again. `expected_version` None writes over whatever is there."""

    key: str
    value: Json = None
    scope: str = ""
    unset: bool = False
    enforced: bool = False
    constraint: Mapping[str, Json] | None = None
    expected_version: int | None = None
    effective_at: datetime | None = None
    expires_at: datetime | None = None

    def to_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {"unset": True} if self.unset else {"value": self.value, "enforced": self.enforced}
        more = {
            "constraint": dict(self.constraint) if self.constraint is not None else None,
            "expected_version": self.expected_version,
            "effective_at": instant(self.effective_at),
            "expires_at": instant(self.expires_at),
        }
        given = {name: value for name, value in more.items() if value is not None}
        return {"key": self.key, "scope": self.scope, **said, **given}


def instant(at: datetime | None) -> str | None:
    """RFC 3339; ValueError for one without an offset."""
    if at is not None and at.tzinfo is None:
        raise ValueError("an instant needs an offset: datetime.now(UTC), not datetime.now()")
    return None if at is None else at.isoformat()


def parsed(kind: type[T], found: Json) -> T:
    """`found` as `kind`; Unreachable where it does not fit: then it was not this API that answered."""
    try:
        value: T = _read(kind, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreachable(f"what answered there is not this API: no {kind.__name__} in its answer") from error
    return value


def _read(kind: Any, found: Json) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return None if found is None else _read(next(each for each in inner if each is not types.NoneType), found)
    if origin is tuple:
        return tuple(_read(inner[0], each) for each in found)
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: _read(hint, found[name]) for name, hint in _fields(kind) if _has(kind, name, found)})
    if kind in {date, datetime}:
        return kind.fromisoformat(found)
    if kind is UUID:
        return UUID(found)
    if kind in {str, int, bool, float} and not isinstance(found, (int, float) if kind is float else kind):
        raise TypeError(kind.__name__)
    return found


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(kind).items())


def _has(kind: Any, name: str, found: Json) -> bool:
    """What has a default may be left out."""
    return name in found or next(each for each in fields(kind) if each.name == name).default is MISSING
