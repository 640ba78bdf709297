"""A bundle is what one environment says of its settings and flags, as a document that depends on nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.bookkeeping import Bookkeeping
from domain.canonical import Json, canonical_bytes, digest_of
from domain.environments import Environment
from domain.flags import SHARED_RULES
from domain.settings.constraints import Constraint
from domain.settings.definition import Definition
from domain.settings.entries import Entry, EntryState
from domain.settings.fields import Sensitivity
from domain.settings.scopes import Scope

FORMAT = "changegate.settings"
ALGORITHM = "Ed25519"
VERSION = "1.2.0"
MOST_VALUES = 50_000
MOST_DEFINITIONS = 10_000
MOST_FLAGS = 20_000
UNSIGNED = frozenset({"checksum", "exported_at", "signature"})
"""Sections that the checksum does not cover."""

Place = tuple[str, str]
"""A key, and the text of a scope."""


@dataclass(frozen=True)
class Line:
    """What a scope says of a key for a time, as it is stored and not as it counts; `since` None is now."""

    key: str
    scope: Scope
    state: EntryState
    value: Json = None
    enforced: bool = False
    constraint: Constraint | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def place(self) -> Place:
        return self.key, self.scope.text

    def to_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {
            "key": self.key,
            "scope": self.scope.text,
            "state": self.state.value,
            "enforced": self.enforced,
        }
        if self.state is EntryState.SET:
            said["value"] = self.value
        if self.constraint is not None:
            said["constraint"] = self.constraint.to_json()
        edges = {"since": self.since, "until": self.until}
        return said | {name: instant_text(edge) for name, edge in edges.items() if edge is not None}

    def seen_at(self, at: datetime) -> "Line | None":
        """The same line for who looks at `at`: None when it is over."""
        if self.until is not None and self.until <= at:
            return None
        return replace(self, since=None) if self.since is not None and self.since <= at else self


@dataclass(frozen=True)
class Signature:
    """Ed25519 over the checksum, by the key that `key` names."""

    key: str
    value: str

    def to_json(self) -> dict[str, Json]:
        return {"algorithm": ALGORITHM, "key": self.key, "value": self.value}


@dataclass(frozen=True)
class Bundle:
    """Definitions by key and lines by place and time; neither order of them says anything.

    `flags` are definitions by key, the shared rules among them; None says nothing of flags, and `books` as well.
    """

    tenant: str
    environment: Environment
    definitions: tuple[Definition, ...]
    lines: tuple[Line, ...]
    flags: Mapping[str, Json] | None = None
    signature: Signature | None = None
    stated: str | None = None
    books: Bookkeeping | None = None

    @property
    def checksum(self) -> str:
        """The one that it came with, which it may have got under the rules of an earlier version."""
        return self.stated or digest_of(self._content())

    def to_json(self, exported_at: datetime | None = None) -> dict[str, Json]:
        content = self._content()
        stamp = {} if exported_at is None else {"exported_at": instant_text(exported_at)}
        signed = {} if self.signature is None else {"signature": self.signature.to_json()}
        return {**content, **stamp, **signed, "checksum": digest_of(content)}

    def to_bytes(self, exported_at: datetime | None = None) -> bytes:
        return canonical_bytes(self.to_json(exported_at))

    def _content(self) -> dict[str, Json]:
        return {
            **self._flags(),
            **(self.books.sections() if self.books is not None else {}),
            "format": FORMAT,
            "version": VERSION,
            "tenant": self.tenant,
            "environment": self.environment.value,
            "definitions": [each.to_json() for each in sorted(self.definitions, key=lambda each: each.key)],
            "values": [line.to_json() for line in in_order(self.lines)],
        }

    def _flags(self) -> dict[str, Json]:
        if self.flags is None:
            return {}
        flags = [{"key": key, "definition": self.flags[key]} for key in sorted(self.flags.keys() - {SHARED_RULES})]
        return {"evaluators": self.flags.get(SHARED_RULES, {}), "fiscal_calendars": [], "flags": flags}


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By key, by scope, and in order of time."""
    return sorted(lines, key=lambda line: (*line.place, began(line)))


def began(line: Line) -> datetime:
    return line.since or datetime.min.replace(tzinfo=UTC)


def lines_of(key: str, scope: str, entries: Iterable[Entry], at: datetime) -> tuple[Line, ...]:
    """What these entries say from `at` on. One that only takes a value back says nothing: the scope inherits."""
    lines = [
        Line(
            key, Scope(scope), entry.state, entry.value if entry.state is EntryState.SET else None, entry.enforced,
            entry.constraint, entry.since if entry.since > at else None, entry.until,
        )
        for entry in entries
        if entry.until is None or entry.until > max(at, entry.since)
        if entry.state is EntryState.SET or entry.constraint is not None
    ]  # fmt: skip
    return tuple(in_order(lines))


def travels(definition: Definition) -> bool:
    """Whether values of it may stand in a bundle: a secret stays where it is."""
    return definition.sensitivity is not Sensitivity.SECRET


def instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
