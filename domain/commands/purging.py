"""What is over is kept for a while, longer where somebody may be asked about it; then only what names it remains."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.commands.command import Key
from domain.commands.record import CommandRecord
from domain.commands.states import OVER, CommandState
from domain.errors import Fault, Gone

SEVEN_YEARS: Final = timedelta(days=2557)
LONGEST_DAYS: Final = 36_500


class CommandPurged(Gone):
    """Of this command only what stands here is left."""

    kind = "command-purged"


@dataclass(frozen=True)
class OldCommand:
    """What says whether a command may be purged."""

    key: Key
    type: str
    schema_version: int
    state: CommandState
    sent_at: datetime
    ended_at: datetime | None
    bound: bool
    """To a change, or to the books in which it posts."""


@dataclass(frozen=True)
class PurgedCommand:
    """What remains, until `known_until`: until then it is not sent anew."""

    key: Key
    type: str
    fingerprint: str
    state: CommandState
    correlation: UUID
    sender: UUID | None
    sent_at: datetime
    ended_at: datetime
    epoch: int
    attempt: int
    known_until: datetime

    def as_sent(self, wished: CommandRecord) -> CommandRecord:
        """To whoever sends it again, and therefore knows what it said."""
        asked = replace(wished.command.options, correlation=self.correlation)
        return replace(
            wished, command=replace(wished.command, options=asked), fingerprint=self.fingerprint, state=self.state,
            sender=self.sender, sent_at=self.sent_at, due_at=self.sent_at, ended_at=self.ended_at, epoch=self.epoch,
            attempt=self.attempt, purged=True,
        )  # fmt: skip

    def to_json(self) -> dict[str, Json]:
        return {
            "type": self.type,
            "fingerprint": self.fingerprint,
            "state": self.state.value,
            "correlation": str(self.correlation),
            "sent_at": self.sent_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "known_until": self.known_until.isoformat(),
        }


@dataclass(frozen=True)
class TenantRetention:
    """What a tenant says for itself, in days; None leaves it to the installation. Version 0 was never set."""

    kept_days: int | None = None
    held_days: int | None = None
    known_days: int | None = None
    version: int = 0

    def faults(self) -> list[Fault]:
        said = {"kept_days": self.kept_days, "held_days": self.held_days, "known_days": self.known_days}
        wrong = [name for name, days in said.items() if days is not None and not 1 <= days <= LONGEST_DAYS]
        return [Fault(f"/{name}", f"from 1 to {LONGEST_DAYS} days") for name in wrong]

    def to_json(self) -> dict[str, Json]:
        return dict(vars(self))


@dataclass(frozen=True)
class Retention:
    """How long commands are kept after they are over; `held` is for those that belong to a change or move money.

    A type that says itself for how many days goes before both. `known` is for how long a purged one is remembered.
    """

    kept: timedelta
    held: timedelta = SEVEN_YEARS
    known: timedelta = timedelta(days=365)

    def of(self, said: TenantRetention) -> "Retention":
        """As it is for a tenant: what the installation holds is never held for less."""
        return Retention(
            _asked(said.kept_days, self.kept),
            max(self.held, _asked(said.held_days, self.held)),
            _asked(said.known_days, self.known),
        )

    def least(self, policies: Mapping[tuple[str, int], Json]) -> timedelta:
        """What is younger than this is kept, of whatever type it is."""
        said = [timedelta(days=days) for each in policies.values() if (days := _days(each)) is not None]
        return min(self.kept, self.held, *said)

    def ended(self, command: OldCommand, policy: Json, now: datetime) -> bool:
        """Whether it was kept for long enough."""
        if command.state not in OVER or command.ended_at is None:
            return False
        days = _days(policy)
        if days is not None:
            return command.ended_at + timedelta(days=days) <= now
        bound = command.bound or policy is None or bool(policy.get("money") or policy.get("posts"))
        return command.ended_at + (self.held if bound else self.kept) <= now


def _asked(days: int | None, usual: timedelta) -> timedelta:
    return usual if days is None else timedelta(days=days)


def _days(policy: Json) -> int | None:
    """A type that nobody declares any more says nothing; what it moved is not known, so its commands are held."""
    return None if policy is None else policy.get("kept_days")
