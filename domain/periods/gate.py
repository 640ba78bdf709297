"""A gate is what one scope of one entity allows in one period; every move of it is a new epoch."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from domain.periods.refusals import TransitionRefused
from domain.periods.status import Posting, Status

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class GateKey:
    """Whoever takes many locks takes them in the order of these."""

    entity: str
    period: UUID
    scope: str


@dataclass(frozen=True)
class PeriodName:
    """How people call a period: its year's code, its number there, and its name."""

    year: str
    number: int
    name: str

    def to_json(self) -> dict[str, str | int]:
        return {"year": self.year, "number": self.number, "name": self.name}


@dataclass(frozen=True)
class PeriodGate:
    """`changed_by` is None where nobody in person moved it."""

    key: GateKey
    status: Status
    posting: Posting
    epoch: int
    changed_by: UUID | None
    changed_at: datetime
    reason: str

    @classmethod
    def pending(cls, key: GateKey) -> "PeriodGate":
        """One that nobody ever opened: it has no row, and is never open."""
        return cls(key, Status.PENDING, Posting.NONE, 0, None, _NEVER, "")

    def opened(self, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        """From pending, or back to all; TransitionRefused."""
        if self._stands(Status.OPEN, Posting.ALL) or self.status not in (Status.PENDING, Status.OPEN):
            raise self._refused(Status.OPEN, Posting.ALL)
        return self._moved(Status.OPEN, Posting.ALL, by, at, reason)

    def soft_closed(self, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        return self._within_open(Posting.ADJUST_ONLY, by, at, reason)

    def frozen(self, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        return self._within_open(Posting.NONE, by, at, reason)

    def closed(self, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        if self.status is not Status.OPEN:
            raise self._refused(Status.CLOSED, Posting.NONE)
        return self._moved(Status.CLOSED, Posting.NONE, by, at, reason)

    def locked(self, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        if self.status is not Status.CLOSED:
            raise self._refused(Status.LOCKED, Posting.NONE)
        return self._moved(Status.LOCKED, Posting.NONE, by, at, reason)

    def reopened(self, posting: Posting, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        if self.status is not Status.CLOSED:
            raise self._refused(Status.OPEN, posting)
        return self._moved(Status.OPEN, posting, by, at, reason)

    def restored(self, prior: "PeriodGate", by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        """As it stood before a close that came to nothing; only an open gate goes back, and only to open."""
        if self.status is not Status.OPEN or prior.status is not Status.OPEN or prior.key != self.key:
            raise self._refused(prior.status, prior.posting)
        return self._moved(prior.status, prior.posting, by, at, reason)

    def _within_open(self, posting: Posting, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        if self.status is not Status.OPEN or self.posting is posting:
            raise self._refused(Status.OPEN, posting)
        return self._moved(Status.OPEN, posting, by, at, reason)

    def _stands(self, status: Status, posting: Posting) -> bool:
        return (self.status, self.posting) == (status, posting)

    def _moved(self, status: Status, posting: Posting, by: UUID | None, at: datetime, reason: str) -> "PeriodGate":
        return replace(
            self, status=status, posting=posting, epoch=self.epoch + 1, changed_by=by, changed_at=at, reason=reason
        )

    def _refused(self, status: Status, posting: Posting) -> TransitionRefused:
        return TransitionRefused(
            entity=self.key.entity,
            scope=self.key.scope,
            gate=self.status.value,
            posting=self.posting.value,
            epoch=self.epoch,
            wanted={"gate": status.value, "posting": posting.value},
        )
