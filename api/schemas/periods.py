"""Periods of an entity and their gates, on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.books import ScopeCode
from api.schemas.common import In, Out, Reason, Version
from application.periods.looking import PeriodState, YearState
from application.periods.moving import GateWish
from domain.calendars import PeriodKind, YearKind
from domain.periods import PeriodGate, Posting, Status

MOST_SCOPES = 100


class MoveIn(In):
    """No `scopes` are all that it can be about. `epochs` are those that were read, by scope: others are refused."""

    scopes: Annotated[tuple[ScopeCode, ...], Field(max_length=MOST_SCOPES)] = ()
    epochs: Annotated[dict[ScopeCode, Version], Field(max_length=MOST_SCOPES)] = Field(default_factory=dict)
    reason: Reason

    def wish(self) -> GateWish:
        return GateWish(self.reason, self.scopes, self.epochs)


class YearMoveIn(In):
    scopes: Annotated[tuple[ScopeCode, ...], Field(max_length=MOST_SCOPES)] = ()
    reason: Reason

    def wish(self) -> GateWish:
        return GateWish(self.reason, self.scopes)


class GateOut(Out):
    """What one scope lets in. A gate that nobody moved is pending at epoch 0; each move is the next epoch."""

    scope: str
    status: Status
    posting: Posting
    epoch: int
    changed_by: UUID | None
    changed_at: datetime | None
    reason: str | None

    @classmethod
    def of(cls, gate: PeriodGate) -> "GateOut":
        moved = gate.epoch > 0
        return cls(
            scope=gate.key.scope, status=gate.status, posting=gate.posting, epoch=gate.epoch,
            changed_by=gate.changed_by, changed_at=gate.changed_at if moved else None,
            reason=gate.reason if moved else None,
        )  # fmt: skip


class GatePage(Out):
    items: list[GateOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[PeriodGate], str | None]) -> "GatePage":
        return cls(items=[GateOut.of(each) for each in page[0]], next_cursor=page[1])


class PeriodStateOut(Out):
    """`code` is the year's and the number; both days are inside."""

    id: UUID
    code: str
    name: str
    kind: PeriodKind
    begins: date
    ends: date
    gates: list[GateOut]

    @classmethod
    def of(cls, state: PeriodState) -> "PeriodStateOut":
        place = state.place
        return cls(
            id=place.id, code=place.code, name=place.period.name, kind=place.period.kind, begins=place.period.begins,
            ends=place.period.ends, gates=[GateOut.of(gate) for gate in state.gates],
        )  # fmt: skip


class YearStateOut(Out):
    """`counts`: how many periods of each scope are pending, open, soft-closed, frozen, closed and locked."""

    id: UUID
    entity: str
    calendar: str
    code: str
    label: str
    kind: YearKind
    begins: date
    ends: date
    counts: dict[str, dict[str, int]]
    periods: list[PeriodStateOut]

    @classmethod
    def of(cls, state: YearState) -> "YearStateOut":
        place, year = state.place, state.place.year.year
        return cls(
            id=place.year.id, entity=place.entity.code, calendar=place.calendar.code, code=year.code,
            label=year.label, kind=year.kind, begins=year.begins, ends=year.ends,
            counts={scope: dict(counts) for scope, counts in state.counts.items()},
            periods=[PeriodStateOut.of(each) for each in state.periods],
        )  # fmt: skip
