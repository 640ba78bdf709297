"""A reopening is one window in closed periods: asked for, opened by votes, shut by its end, and certified anew."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.canonical import Json
from domain.closures.refusals import ReopeningOver, WindowMissed
from domain.closures.reopening import ReopenWish


class ReopeningState(StrEnum):
    ASKED = "ASKED"
    OPEN = "OPEN"
    SHUT = "SHUT"
    ENDED = "ENDED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    FAILED_OPERATOR = "FAILED_OPERATOR"


NEVER_OPENED = frozenset(
    {ReopeningState.REJECTED, ReopeningState.TIMED_OUT, ReopeningState.ABORTED, ReopeningState.FAILED_OPERATOR}
)
"""It ended, and nothing was opened."""
_ENDED = NEVER_OPENED | {ReopeningState.ENDED}

CERTIFIED, CLOSED_AGAIN = "certified", "closed_again"
"""By the reopening's own close, or by whichever somebody else began."""
_CLOSED = frozenset({CERTIFIED, CLOSED_AGAIN})


@dataclass(frozen=True)
class Recertified:
    """How one period of it is certified anew: by which close, or why by none. `done`: it is closed again."""

    period: str
    closure: UUID | None
    why: str

    @property
    def done(self) -> bool:
        return self.why in _CLOSED

    def to_json(self) -> Json:
        return {"period": self.period, "closure": str(self.closure) if self.closure else None, "why": self.why}

    @staticmethod
    def of_json(raw: Json) -> "Recertified":
        return Recertified(raw["period"], UUID(raw["closure"]) if raw["closure"] else None, raw["why"])


@dataclass(frozen=True)
class Reopening:
    """`scopes` are those of `period` that were closed; `cascade` are later periods that open with it, newest first.

    `stale` are later ones that stay closed and were certified before it. `open_until` is the window's end, or the
    earlier moment at which it was shut; `recertified` has those of its periods whose turn has come, oldest first.
    """

    id: UUID
    tenant: UUID
    entity: str
    period: UUID
    period_code: str
    scopes: tuple[str, ...]
    wish: ReopenWish
    requester: UUID
    approval: UUID
    asked_at: datetime
    state: ReopeningState = ReopeningState.ASKED
    cascade: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    opened_at: datetime | None = None
    open_until: datetime | None = None
    why: str = ""
    recertified: tuple[Recertified, ...] = ()

    @property
    def periods(self) -> tuple[str, ...]:
        """Those that it opens, oldest first."""
        return self.period_code, *reversed(self.cascade)

    @property
    def closure(self) -> UUID | None:
        """The close that certifies `period` anew."""
        return self.recertified[0].closure if self.recertified else None

    @property
    def workflow_id(self) -> str:
        return reopening_workflow_id(self.tenant, self.id)

    @property
    def over(self) -> bool:
        return self.state in _ENDED

    def opened(self, stale: tuple[str, ...], at: datetime) -> "Reopening":
        """WindowMissed where it would have ended before it began."""
        if at >= self.wish.ends:
            raise WindowMissed(reopen_until=self.wish.ends.isoformat())
        return replace(
            self._in(ReopeningState.ASKED), state=ReopeningState.OPEN, stale=stale, opened_at=at,
            open_until=self.wish.ends, why="approved",
        )  # fmt: skip

    def shut(self, at: datetime, why: str) -> "Reopening":
        """At its end, or before it."""
        until = min(self.open_until or at, at)
        return replace(self._in(ReopeningState.OPEN), state=ReopeningState.SHUT, open_until=until, why=why)

    def certifying(self, each: Recertified) -> "Reopening":
        """The turn of its oldest period that is open, or what became of that since."""
        others = tuple(known for known in self.recertified if known.period != each.period)
        return replace(self._in(ReopeningState.SHUT), recertified=(*others, each), why=each.why)

    def ended(self, rest: tuple[Recertified, ...] = ()) -> "Reopening":
        """Every period of it is closed again, or the `rest` is a person's to decide."""
        recertified = (*self.recertified, *rest)
        return replace(self._in(ReopeningState.SHUT), state=ReopeningState.ENDED, recertified=recertified)

    def given_up(self, state: ReopeningState, why: str) -> "Reopening":
        return replace(self._in(ReopeningState.ASKED), state=state, why=why)

    def _in(self, state: ReopeningState) -> "Reopening":
        if self.state is not state:
            raise ReopeningOver(state=self.state.value)
        return self


def reopening_workflow_id(tenant: UUID, reopening_id: UUID) -> str:
    """What its process is called."""
    return f"period-reopen/{tenant}/{reopening_id}"
