"""A claim is true of one epoch for ever; whether it still is, the reader finds out, who knows the present."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from application.ports.settings import Picture, StoredEntry
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Entry, EntryState, parse_constraint

Place = tuple[UUID, Environment]
_FORM = 2
"""Changes with the form of what is written, so that no process reads what another version of it wrote."""
_MOST_MOVES = 1_000
_MOST_SAID = 500
ORIGIN = "told"
"""Of entries that come from memory: what wrote them is not kept there."""


@dataclass(frozen=True)
class Claim:
    """What every scope of a place said of one key, from `at` on; of a `broad` one, too much to share, nothing."""

    place: Place
    key: str
    epoch: int
    at: datetime
    definition: Json
    entries: tuple[StoredEntry, ...]
    broad: bool = False

    def content(self) -> bytes:
        """With a secret as it is stored, which is sealed."""
        said = None if self.broad else [_said(each) for each in self.entries]
        return _bytes(self.place, self.key, self.epoch, {"at": self.at, "definition": self.definition, "said": said})

    @classmethod
    def read(cls, place: Place, key: str, content: bytes) -> Self | None:
        """None when it is about something else."""
        raw = _about(place, key, content)
        if raw is None:
            return None
        at, said = datetime.fromisoformat(raw["at"]), raw["said"]
        entries = tuple(_entry(place[1], key, each) for each in said or ())
        return cls(place, key, raw["epoch"], at, raw["definition"], entries, broad=said is None)


@dataclass(frozen=True)
class Moves:
    """Between `since` and `epoch` no key but these was written, and each of them last at its epoch."""

    place: Place
    since: int
    epoch: int
    moved: Mapping[str, int]

    def vouch(self, claim: Claim, epoch: int) -> bool:
        """Whether nothing was written of the key between the claim's epoch and this one."""
        known = self.epoch == epoch and self.since <= claim.epoch <= epoch
        return known and self.moved.get(claim.key, 0) <= claim.epoch

    def on(self, later: "Moves") -> "Moves":
        """Both in one, where the later go on from these."""
        if not self.since <= later.since <= self.epoch <= later.epoch:
            return later
        moved = sorted({**self.moved, **later.moved}.items(), key=lambda each: each[1])
        forgotten = moved[:-_MOST_MOVES]
        since = forgotten[-1][1] if forgotten else self.since
        return Moves(self.place, since, later.epoch, dict(moved[-_MOST_MOVES:]))

    def content(self) -> bytes:
        return _bytes(self.place, "", self.epoch, {"since": self.since, "moved": dict(self.moved)})

    @classmethod
    def read(cls, place: Place, content: bytes) -> Self | None:
        raw = _about(place, "", content)
        return None if raw is None else cls(place, raw["since"], raw["epoch"], raw["moved"])

    @classmethod
    def of(cls, place: Place, since: int, epoch: int, keys: Collection[str]) -> Self:
        return cls(place, since, epoch, dict.fromkeys(keys, epoch))


def picture_of(claims: Collection[Claim], epoch: int) -> Picture:
    """What the claims say together, of the epoch for which they were vouched."""
    entries = [each for claim in claims for each in claim.entries]
    return Picture(max(each.at for each in claims), epoch, {each.key: each.definition for each in claims}, entries, 0)


def claims_of(place: Place, picture: Picture) -> list[Claim]:
    said: dict[str, list[StoredEntry]] = {key: [] for key in picture.definitions}
    for each in picture.entries:
        said[each.key].append(each)
    return [_claim(place, key, picture, said[key]) for key in picture.definitions]


def _claim(place: Place, key: str, picture: Picture, said: list[StoredEntry]) -> Claim:
    broad = len(said) > _MOST_SAID
    entries = () if broad else tuple(said)
    return Claim(place, key, picture.epoch, picture.at, picture.definitions[key], entries, broad)


def _bytes(place: Place, key: str, epoch: int, more: Mapping[str, Any]) -> bytes:
    whole = {"form": _FORM, "tenant": str(place[0]), "environment": place[1].value, "key": key, "epoch": epoch, **more}
    return json.dumps(whole, separators=(",", ":"), default=str).encode()


def _about(place: Place, key: str, content: bytes) -> Any:
    raw = json.loads(content)
    about = [raw.get(name) for name in ("form", "tenant", "environment", "key")]
    return raw if about == [_FORM, str(place[0]), place[1].value, key] else None


def _said(stored: StoredEntry) -> list[Any]:
    entry = stored.entry
    narrowing = None if entry.constraint is None else entry.constraint.to_json()
    about = [stored.scope, entry.version, entry.state.value, entry.value, entry.enforced, narrowing]
    return [*about, entry.since, entry.until, entry.meant_until, entry.written_by, entry.written_at, entry.change,
            entry.reason, entry.above]  # fmt: skip


def _entry(environment: Environment, key: str, raw: list[Any]) -> StoredEntry:
    scope, version, state, value, enforced, narrowing = raw[:6]
    since, until, meant_until, written_by, written_at, change, reason, above = raw[6:]
    entry = Entry(
        version=version,
        state=EntryState(state),
        value=value,
        enforced=enforced,
        constraint=None if narrowing is None else parse_constraint(narrowing),
        since=datetime.fromisoformat(since),
        until=_instant(until),
        written_by=None if written_by is None else UUID(written_by),
        written_at=datetime.fromisoformat(written_at),
        change=None if change is None else UUID(change),
        reason=reason,
        meant_until=_instant(meant_until),
        above=above,
    )
    return StoredEntry(environment, key, scope, entry, ORIGIN)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
