"""Series of closes on the wire: what one request names, and how far each close of it has come."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.closures import CheckOut, DryRunIn
from api.schemas.common import In, Instant, Key, Out, Reason
from application.closure_series.asking import CloseWish, SeriesWish
from application.closure_series.looking import SeriesView
from application.closure_series.trying import Tried
from domain.closures import Mode, RunState
from domain.closures.series import MOST_AT_ONCE, MOST_MEMBERS, Member, MemberState, Series, SeriesState

PlaceKey = Annotated[
    str,
    Field(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}/(19|2[0-9])[0-9]{2}T?-[0-9]{2}$", examples=["de/2025-03"]),
]


class CloseIn(DryRunIn):
    """`after` names closes of the same request, by entity and period, that come first.

    `gapless` closes every earlier period of the entity that is in its way before it, in their order.
    """

    template: Key | None = None
    due_at: Instant | None = None
    after: Annotated[tuple[PlaceKey, ...], Field(max_length=MOST_MEMBERS)] = ()
    gapless: bool = False

    def close(self) -> CloseWish:
        scopes = tuple(self.scopes) if self.scopes else None
        return CloseWish(
            self.entity, self.period, self.mode, scopes, self.template, self.due_at, tuple(dict.fromkeys(self.after)),
            self.gapless,
        )  # fmt: skip


class ClosesIn(In):
    closes: Annotated[list[CloseIn], Field(min_length=1, max_length=MOST_MEMBERS)]

    def wishes(self) -> tuple[CloseWish, ...]:
        return tuple(each.close() for each in self.closes)


class SeriesIn(ClosesIn):
    """At most `at_once` of them go on side by side."""

    at_once: Annotated[int, Field(strict=True, ge=1, le=MOST_AT_ONCE)] = 5
    reason: Reason

    def wish(self, new: UUID) -> SeriesWish:
        return SeriesWish(new, self.wishes(), self.at_once, self.reason)


class MemberOut(Out):
    """`closure` is the attempt that it follows, which somebody else began where it `joined` it.

    `closure_state` says where that stands while it goes on, and `why` how it failed.
    """

    entity: str
    period: str
    mode: Mode
    scopes: list[str] | None
    template: str | None
    due_at: datetime | None
    after: list[str]
    state: MemberState
    closure: UUID | None
    closure_state: RunState | None
    joined: bool
    why: str

    @classmethod
    def of(cls, each: Member, view: SeriesView) -> "MemberOut":
        run = view.runs.get(each.run) if each.run else None
        return cls(
            entity=each.entity, period=each.period_code, mode=each.mode, template=each.template, due_at=each.due_at,
            scopes=list(each.scopes) if each.scopes is not None else None, after=list(each.after), state=each.state,
            closure=each.run, closure_state=run.state if run else None, joined=each.joined, why=each.why,
        )  # fmt: skip


class SeriesOut(Out):
    """`requester` is in whose name its closes are begun; `counts` says how many of them stand where."""

    id: UUID
    requester: UUID
    reason: str
    asked_at: datetime
    at_once: int
    state: SeriesState
    why: str
    counts: dict[MemberState, int]

    @classmethod
    def of(cls, series: Series) -> "SeriesOut":
        return cls(
            id=series.id, requester=series.requester, reason=series.reason, asked_at=series.asked_at,
            at_once=series.at_once, state=series.state, why=series.why,
            counts={state: len(series.of(state)) for state in MemberState},
        )  # fmt: skip


class SeriesDetailOut(SeriesOut):
    aborted_by: UUID | None
    abort_reason: str
    closes: list[MemberOut]
    handles: dict[UUID, str]

    @classmethod
    def whole(cls, view: SeriesView) -> "SeriesDetailOut":
        series = view.series
        return cls(
            **dict(SeriesOut.of(series)),
            aborted_by=series.aborted_by,
            abort_reason=series.abort_reason,
            closes=[MemberOut.of(each, view) for each in series.members],
            handles=view.handles,
        )


class SeriesPage(Out):
    items: list[SeriesOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Series], str | None]) -> "SeriesPage":
        return cls(items=[SeriesOut.of(each) for each in page[0]], next_cursor=page[1])


class TriedOut(Out):
    """`blockers` are the checks that would be in the way; what would be `refused` would not even begin."""

    entity: str
    period: str
    after: list[str]
    blockers: list[CheckOut]
    refused: str | None

    @classmethod
    def of(cls, tried: Tried) -> "TriedOut":
        member = tried.member
        return cls(
            entity=member.entity, period=member.period_code, after=list(member.after),
            blockers=[CheckOut.of(each) for each in tried.blockers], refused=tried.refused,
        )  # fmt: skip


class TriedSeriesOut(Out):
    """In the order of the request, with the earlier periods that a gapless close brings along."""

    closes: list[TriedOut]

    @classmethod
    def of(cls, tried: list[Tried]) -> "TriedSeriesOut":
        return cls(closes=[TriedOut.of(each) for each in tried])
