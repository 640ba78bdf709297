"""Reopenings of closed periods on the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.books import ScopeCode
from api.schemas.common import In, Instant, Out
from application.reopenings.asking import AskWish
from application.reopenings.looking import ReopeningView
from domain.closures import MOST_ENTRIES, LaterPolicy, Reopening, ReopeningState, ReopenReason


class ReopeningIn(In):
    """`scopes` are all that are closed, unless said. At `reopen_until` it shuts by itself.

    Later periods that are closed stay so and have to be certified anew (`isolate`), are in the way (`block`), or are
    reopened as well (`cascade`), which is confirmed once they were listed.
    """

    reason: ReopenReason
    justification: Annotated[str, Field(max_length=4000, examples=["The supplier billed March in May: 4711."])]
    reopen_until: Instant
    scopes: Annotated[list[ScopeCode], Field(min_length=1, max_length=50)] | None = None
    most_entries: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] | None = Field(
        default=None, description="All its gates together take so many entries; with the last of them it is shut."
    )
    later: LaterPolicy = LaterPolicy.ISOLATE
    confirm_cascade: bool = False

    def wish(self, new: UUID, place: tuple[str, str]) -> AskWish:
        raw: dict[str, Any] = {
            "reason": self.reason.value,
            "justification": self.justification,
            "reopen_until": self.reopen_until.isoformat(),
            "scopes": self.scopes or [],
            "most_entries": self.most_entries,
            "later": self.later.value,
            "confirm_cascade": self.confirm_cascade,
        }
        return AskWish(new, *place, raw)


class RecertifiedOut(Out):
    period: str
    closure: UUID | None
    why: str
    done: bool = Field(description="Closed again; what is not when the reopening has ended is for people to close.")


class ReopeningOut(Out):
    """`cascade` are later periods that open with it, newest first, and `stale` those that stay closed.

    `approval` is the change that is voted on, `closure` the close that certifies `period` anew, and `recertified`
    how each period that it opened is, oldest first: by which close, and where that stands.
    """

    id: UUID
    entity: str
    period: str
    scopes: list[str]
    reason: ReopenReason
    justification: str
    later: LaterPolicy
    requester: UUID
    asked_at: datetime
    state: ReopeningState
    why: str
    approval: UUID
    cascade: list[str]
    stale: list[str]
    opened_at: datetime | None
    open_until: datetime | None = Field(description="The end of the window, or when it was shut before.")
    closure: UUID | None
    most_entries: int | None
    recertified: list[RecertifiedOut]

    @classmethod
    def of(cls, each: Reopening) -> "ReopeningOut":
        return cls(**_told(each))


class ReopeningDetailOut(ReopeningOut):
    entries: int = Field(description="So many a window with `most_entries` has let in.")
    uncertified: list[str] = Field(
        description="Periods that were certified before they, or what they build on, were opened, and not since."
    )

    @classmethod
    def whole(cls, view: ReopeningView) -> "ReopeningDetailOut":
        return cls(**_told(view.reopening), entries=view.entries, uncertified=list(view.uncertified))


class ReopeningPage(Out):
    items: list[ReopeningDetailOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ReopeningView], str | None]) -> "ReopeningPage":
        return cls(items=[ReopeningDetailOut.whole(each) for each in page[0]], next_cursor=page[1])


def _told(each: Reopening) -> dict[str, Any]:
    names = ("id", "entity", "requester", "asked_at", "state", "why", "approval", "opened_at", "open_until", "closure")
    wish = {name: getattr(each.wish, name) for name in ("reason", "justification", "later", "most_entries")}
    lists = {name: list(getattr(each, name)) for name in ("scopes", "cascade", "stale")}
    recertified = [RecertifiedOut(**vars(one), done=one.done) for one in each.recertified]
    return {
        **{name: getattr(each, name) for name in names}, **wish, **lists, "period": each.period_code,
        "recertified": recertified,
    }  # fmt: skip
