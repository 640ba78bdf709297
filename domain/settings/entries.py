"""An entry is what one scope says of one key, from an instant on and until another."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.canonical import Json
from domain.settings.constraints import Constraint


class EntryState(StrEnum):
    """`UNSET` takes back what the scope said, so that it inherits; a null that is `SET` is a value."""

    SET = "set"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Entry:
    """`enforced` keeps narrower scopes from saying otherwise; the constraint holds in either state.

    It holds at `since` and no longer at `until`; one that ends where it begins was cancelled and never holds.
    `meant_until` is when it was to end, had nothing else taken its place. `above` is the tenant that says it, where
    that is one above this.
    """

    version: int
    state: EntryState
    value: Json
    enforced: bool
    constraint: Constraint | None
    since: datetime
    until: datetime | None
    written_by: UUID | None
    written_at: datetime
    change: UUID | None
    reason: str
    meant_until: datetime | None = None
    above: str | None = None

    def covers(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class Standing(NamedTuple):
    """At one instant: the entry in force, the next one to begin, the last one that ended."""

    present: Entry | None
    coming: Entry | None
    past: Entry | None

    @property
    def changes_at(self) -> datetime | None:
        """When another entry, or none, comes into force."""
        until = None if self.present is None else self.present.until
        since = None if self.coming is None else self.coming.since
        return since if until is None or (since is not None and since < until) else until


@dataclass(frozen=True, slots=True)
class Level:
    """Everything that one scope ever said of the key, in any order; labels are unique in a chain."""

    label: str
    entries: tuple[Entry, ...] = ()

    @classmethod
    def at(cls, text: str, entries: tuple[Entry, ...]) -> "Level":
        """Of a scope, by its text, or by who it is that speaks from above."""
        if text[:1] != "~" or not entries:
            return cls(text, entries)
        return cls(f"~{entries[0].above}", entries)

    def standing(self, at: datetime) -> Standing:
        """Of several entries that cover `at` the one that began last is in force, the newest of those."""
        present = coming = past = None
        for entry in self.entries:
            until = entry.until
            if until is not None and until <= entry.since:
                continue
            if entry.since > at:
                if coming is None or (entry.since, -entry.version) < (coming.since, -coming.version):
                    coming = entry
            elif until is None or at < until:
                if present is None or (entry.since, entry.version) > (present.since, present.version):
                    present = entry
            elif past is None or (until, entry.version) > (past.until, past.version):
                past = entry
        return Standing(present, coming, past)
