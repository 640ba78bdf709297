"""A fence is one gate at one epoch that a module is to set: what arrives late, twice or out of order is no change."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.closures.controls import Control, Total
from domain.errors import Fault, Invalid
from domain.fences.refusals import EpochUnknown, FenceSettled
from domain.periods import PeriodGate

MOST_ATTEMPTS: Final = 3
PATIENCE: Final = timedelta(minutes=45)
"""As long as it takes to be told so often."""


class FenceState(StrEnum):
    ASKED = "asked"
    ACKNOWLEDGED = "acknowledged"
    OVERDUE = "overdue"
    EXCLUDED = "excluded"
    SUPERSEDED = "superseded"


OUTSTANDING: Final = frozenset({FenceState.ASKED, FenceState.OVERDUE})


@dataclass(frozen=True)
class FencedPeriod:
    """As a module that has no calendar needs it: `begins` and `ends` are local dates, both inside."""

    id: UUID
    code: str
    name: str
    begins: date
    ends: date


@dataclass(frozen=True)
class Acknowledgement:
    """What a module has behind its gate at `epoch`; `high_water` is its own name for the last posting of the period.

    Totals stand by currency, one each.
    """

    epoch: int
    high_water: str | None
    entries: int
    totals: tuple[Total, ...] = ()

    def __post_init__(self) -> None:
        if len({each.currency for each in self.totals}) < len(self.totals):
            raise Invalid([Fault("/totals", "one total for each currency")])
        object.__setattr__(self, "totals", tuple(sorted(self.totals, key=lambda each: each.currency)))

    def to_json(self) -> Json:
        return {
            "epoch": self.epoch,
            "high_water": self.high_water,
            "entries": self.entries,
            "totals": [each.to_json() for each in self.totals],
        }

    @staticmethod
    def of_json(raw: Json) -> "Acknowledgement":
        totals = tuple(Total.of_json(each) for each in raw["totals"])
        return Acknowledgement(int(raw["epoch"]), raw["high_water"], int(raw["entries"]), totals)


@dataclass(frozen=True)
class Fence:
    """`run` is the close that waits for it, if one does. `attempts` is how often it was told.

    `command` names the one by which it was told last, of a module that is told by commands.
    """

    id: UUID
    module: str
    gate: PeriodGate
    period: FencedPeriod
    run: UUID | None
    asked_at: datetime
    attempts: int = 1
    state: FenceState = FenceState.ASKED
    acknowledgement: Acknowledgement | None = None
    settled_at: datetime | None = None
    settled_by: UUID | None = None
    reason: str | None = None
    command: str | None = None

    @property
    def epoch(self) -> int:
        return self.gate.epoch

    @property
    def outstanding(self) -> bool:
        return self.state in OUTSTANDING

    @property
    def control(self) -> Control | None:
        """What a certificate says of the module, once it spoke."""
        told = self.acknowledgement
        return Control(self.module, self.gate.key.scope, told.entries, told.high_water, told.totals) if told else None

    def awaited(self, run: UUID | None) -> "Fence":
        """By a close that found the gate where it wanted it: what was asked and said before counts for it."""
        return self if run is None or run == self.run else replace(self, run=run)

    def acknowledged(self, told: Acknowledgement, by: UUID, at: datetime) -> "Fence":
        """This is the newest fence of its gate: an older epoch, or the same said again, leaves it as it is."""
        if told.epoch > self.epoch:
            raise EpochUnknown(epoch=self.epoch, given=told.epoch)
        if told.epoch < self.epoch or not self.outstanding:
            return self
        return replace(self, state=FenceState.ACKNOWLEDGED, acknowledgement=told, settled_at=at, settled_by=by)

    def reminded(self, attempt: int) -> "Fence":
        """Told again, or overdue once it was told often enough; itself where that was done before."""
        if self.state is not FenceState.ASKED or attempt <= self.attempts:
            return self
        if attempt > MOST_ATTEMPTS:
            return replace(self, state=FenceState.OVERDUE)
        return replace(self, attempts=attempt)

    def retried(self, reason: str) -> "Fence":
        """Told as if for the first time."""
        self._check_outstanding()
        return replace(self, state=FenceState.ASKED, attempts=1, reason=reason)

    def lapsed(self, told_at: datetime, now: datetime) -> "Fence":
        """Overdue again, when a person had it told anew at this moment and it is silent still."""
        retried = self.state is FenceState.ASKED and self.reason is not None
        return replace(self, state=FenceState.OVERDUE) if retried and now - told_at >= PATIENCE else self

    def excluded(self, by: UUID, at: datetime, reason: str) -> "Fence":
        self._check_outstanding()
        return replace(self, state=FenceState.EXCLUDED, settled_at=at, settled_by=by, reason=reason)

    def superseded(self, at: datetime) -> "Fence":
        """Who waited for it waits for a newer one; what was said of it, and that it was excluded, stands."""
        return replace(self, state=FenceState.SUPERSEDED, settled_at=at) if self.outstanding else self

    def to_json(self) -> Json:
        """What the module, the trail and a certificate are told."""
        gate, period = self.gate, self.period
        return {
            "fence": str(self.id),
            "module": self.module,
            "scope": gate.key.scope,
            "entity": gate.key.entity,
            "period": {
                "id": str(period.id),
                "code": period.code,
                "name": period.name,
                "begins": period.begins.isoformat(),
                "ends": period.ends.isoformat(),
            },
            "status": gate.status.value,
            "posting": gate.posting.value,
            "epoch": gate.epoch,
            "attempt": self.attempts,
        }

    def _check_outstanding(self) -> None:
        if not self.outstanding:
            raise FenceSettled(state=self.state.value, epoch=self.epoch)
