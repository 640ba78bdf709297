"""Parked commands: what waits for a person, what it has in common, and what is decided about each."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, moment, number, text
from api.routes.commands import Domain, Id, Of
from api.schemas.command_repairs import EditIn, EditPreviewOut
from api.schemas.parked_commands import (
    AssignmentIn,
    CausePage,
    CompletionIn,
    DecisionIn,
    OperationOut,
    ParkedOut,
    ParkedPage,
    RetryIn,
    SnoozeIn,
)
from api.services import Services, Use
from application.ports.parked import ParkedFilter
from domain.commands import Key, ParkedKind, name_of
from domain.commands.operations import Act, Standing
from domain.commands.shape import TYPE
from domain.people import Actor

router = APIRouter(prefix="/api/v1/parked-commands", tags=["commands"], route_class=Once)
one = APIRouter(prefix="/api/v1/parked-commands/{domain}/{id}", tags=["commands"], route_class=Once)


def _wanted(
    domain: Domain = None,
    type: Annotated[str | None, Query(pattern=f"^{TYPE}$")] = None,  # noqa: A002 -- the wire's name
    kind: ParkedKind | None = None,
    fingerprint: Annotated[str | None, Query(max_length=200, description="Of their error.")] = None,
    assignee: Annotated[UUID | None, Query(description="Who looks at them.")] = None,
    snoozed: Annotated[bool | None, Query(description="Those that sleep now, or those that do not.")] = None,
) -> ParkedFilter:
    return ParkedFilter(domain, type, kind, fingerprint, assignee, snoozed)


def _key(domain: Of, id: Id) -> Key:  # noqa: A002 -- the wire's name
    return domain, id


Wanted = Annotated[ParkedFilter, Depends(_wanted)]
Which = Annotated[Key, Depends(_key)]


@router.get("", summary="List parked commands, newest first")
async def listed(wanted: Wanted, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ParkedPage:
    """By domain, type, kind, error, person and sleep, all of which must fit."""
    at, *last = decoded("parked_commands", cursor, moment, text, text) or (None,)
    before = (at, last[0], last[1]) if at else None
    rows = await use.commands.troubleshooting.page(actor, wanted, before, limit + 1)
    return ParkedPage.of(cut(rows, limit, lambda each: encoded("parked_commands", each.at, *each.record.key)))


@router.get("/causes", summary="List what parked commands have in common, largest first")
async def causes(wanted: Wanted, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> CausePage:
    """Those with errors of one fingerprint: how many, since when, whose they are, and how one was resolved last."""
    many, last = decoded("parked_causes", cursor, number, text) or (None, None)
    before = (many, last) if many else None
    rows = await use.commands.troubleshooting.causes(actor, wanted, before, limit + 1)
    return CausePage.of(cut(rows, limit, lambda each: encoded("parked_causes", each.count, each.fingerprint)))


@one.get("", summary="Read a parked command")
async def read(which: Which, actor: Acting, use: Use, answer: Response) -> ParkedOut:
    found = await use.commands.troubleshooting.get(actor, which)
    answer.headers["ETag"] = flag_tag(found.record.version)
    return ParkedOut.of(found)


class Deciding:
    """Whoever asks decides about this command, over the version in If-Match; 202 where another person is asked."""

    def __init__(self, which: Which, seen: ExpectedVersion, actor: Acting, use: Use, answer: Response) -> None:
        self._which, self._seen = which, seen
        self._actor: Actor = actor
        self._use: Services = use
        self._answer = answer

    async def on(self, act: Act, wish: DecisionIn) -> OperationOut:
        made = await self._use.commands.acts.decide(
            self._actor, self._which, self._seen, wish.operation_id, wish.decision(act)
        )
        self._answer.headers["ETag"] = flag_tag(made.version)
        if made.standing is Standing.AWAITING_APPROVAL:
            self._answer.status_code = 202
        return OperationOut.of(made)

    async def preview(self, wish: EditIn) -> EditPreviewOut:
        draft = await self._use.commands.acts.preview(self._actor, self._which, self._seen, wish.patch)
        return EditPreviewOut.of(name_of(self._which), self._seen, wish.patch, draft)


Decide = Annotated[Deciding, Depends()]


@one.post("/retry", summary="Retry a parked command", dependencies=KEYED)
async def retry(wish: RetryIn, decide: Decide) -> OperationOut:
    """From the beginning, in a new epoch; what happened before stays told."""
    return await decide.on(Act.RETRY, wish)


@one.post("/edit", summary="Edit a parked command and retry it", dependencies=KEYED)
async def edit(wish: EditIn, decide: Decide) -> OperationOut | EditPreviewOut:
    """What was sent stays, and what the patch makes of it is executed; 202 while another person is asked."""
    return await decide.preview(wish) if wish.dry_run else await decide.on(Act.EDIT, wish)


@one.post("/cancel", summary="Cancel a parked command", dependencies=KEYED)
async def cancel(wish: DecisionIn, decide: Decide) -> OperationOut:
    """It is over, and is never executed."""
    return await decide.on(Act.CANCEL, wish)


@one.post("/complete", summary="Say that a parked command was done by other means", dependencies=KEYED)
async def complete(wish: CompletionIn, decide: Decide) -> OperationOut:
    """It is over, with this result; the digest of the evidence stays with the decision. 202 while others are asked."""
    return await decide.on(Act.COMPLETE, wish)


@one.post("/snooze", summary="Look at a parked command later", dependencies=KEYED)
async def snooze(wish: SnoozeIn, decide: Decide) -> OperationOut:
    """It stays parked; until then `snoozed=false` leaves it out. For 90 days at most."""
    return await decide.on(Act.SNOOZE, wish)


@one.post("/assign", summary="Say who looks at a parked command", dependencies=KEYED)
async def assign(wish: AssignmentIn, decide: Decide) -> OperationOut:
    """Also when it is parked again."""
    return await decide.on(Act.ASSIGN, wish)
