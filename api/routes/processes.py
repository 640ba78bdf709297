"""Processes of several commands: started, looked at, stopped, and tried again where something could not be undone."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, text
from api.schemas.audit import AuditPage
from api.schemas.processes import (
    ProcessDecisionIn,
    ProcessIn,
    ProcessOperationOut,
    ProcessOut,
    ProcessPage,
    ProcessTypesOut,
    StartedOut,
)
from api.services import Services, Use
from application.ports.sagas import SagaFilter
from domain.commands.shape import DOMAIN, TYPE
from domain.people import Actor
from domain.sagas import SagaKey, SagaState
from domain.sagas.operations import SagaAct
from domain.sagas.starting import ID

router = APIRouter(prefix="/api/v1/processes", tags=["processes"], route_class=Once)
one = APIRouter(prefix="/api/v1/processes/{type}/{id}", tags=["processes"], route_class=Once)
types = APIRouter(prefix="/api/v1/process-types", tags=["processes"], route_class=Once)


def _wanted(
    state: SagaState | None = None,
    type: Annotated[str | None, Query(pattern=f"^{TYPE}$")] = None,  # noqa: A002 -- the wire's name
    correlation: UUID | None = None,
    change: UUID | None = None,
) -> SagaFilter:
    return SagaFilter(state, type, correlation, change)


def _key(
    type: Annotated[str, Path(pattern=f"^{TYPE}$")],  # noqa: A002 -- the wire's name
    id: Annotated[str, Path(pattern=f"^{ID}$")],  # noqa: A002 -- the wire's name
) -> SagaKey:
    return type, id


Wanted = Annotated[SagaFilter, Depends(_wanted)]
Which = Annotated[SagaKey, Depends(_key)]


@router.post("", summary="Start a process", status_code=201, dependencies=KEYED)
async def start(wish: ProcessIn, actor: Acting, use: Use, answer: Response) -> StartedOut:
    """201 the first time, 200 with what has become of it when it was started before, 409 when it says otherwise."""
    started = await use.sagas.starting.start(actor, wish.wish())
    answer.status_code = 200 if started.replayed else 201
    return StartedOut.of(started)


@router.get("", summary="List processes, newest first")
async def listed(wanted: Wanted, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ProcessPage:
    """By state, type, correlation and change, all of which must fit."""
    at, *last = decoded("processes", cursor, moment, text, text) or (None,)
    before = (at, last[0], last[1]) if at else None
    rows = await use.sagas.looking.page(actor, wanted, before, limit + 1)
    return ProcessPage.of(cut(rows, limit, lambda each: encoded("processes", each.started_at, *each.key)))


@one.get("", summary="Read where a process and each of its steps stand")
async def read(which: Which, actor: Acting, use: Use, answer: Response) -> ProcessOut:
    found = await use.sagas.looking.get(actor, which)
    answer.headers["ETag"] = flag_tag(found.version)
    return ProcessOut.of(found)


@one.get("/trail", summary="Read what happened to a process, oldest first")
async def trail(which: Which, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> AuditPage:
    """Every move with who made it; nothing of a process that was never started."""
    at, last = decoded("process_trail", cursor, moment, identifier) or (None, None)
    rows = await use.sagas.looking.trail(actor, which, (at, last) if at else None, limit + 1)
    return AuditPage.of(cut(rows, limit, lambda row: encoded("process_trail", row.recorded_at, row.id)))


class Deciding:
    """Whoever asks decides about this process, over the version in If-Match."""

    def __init__(self, which: Which, seen: ExpectedVersion, actor: Acting, use: Use, answer: Response) -> None:
        self._which, self._seen = which, seen
        self._actor: Actor = actor
        self._use: Services = use
        self._answer = answer

    async def on(self, act: SagaAct, wish: ProcessDecisionIn) -> ProcessOperationOut:
        made = await self._use.sagas.acts.decide(
            self._actor, self._which, self._seen, wish.operation_id, wish.decision(act)
        )
        self._answer.headers["ETag"] = flag_tag(made.version)
        return ProcessOperationOut.of(made)


Decide = Annotated[Deciding, Depends()]


@one.post("/cancel", summary="Stop a process", dependencies=KEYED)
async def cancel(wish: ProcessDecisionIn, decide: Decide) -> ProcessOperationOut:
    """What has not begun is not done any more, and what was done is undone, the last step first."""
    return await decide.on(SagaAct.CANCEL, wish)


@one.post("/retry", summary="Undo once more what could not be undone", dependencies=KEYED)
async def retry(wish: ProcessDecisionIn, decide: Decide) -> ProcessOperationOut:
    """Of a process that ended with something left as it was."""
    return await decide.on(SagaAct.RETRY, wish)


@types.get("", summary="List the types of processes that may be started")
async def listed_types(
    actor: Acting, use: Use, domain: Annotated[str | None, Query(pattern=f"^{DOMAIN}$")] = None
) -> ProcessTypesOut:
    return ProcessTypesOut.of(await use.sagas.looking.types(actor, domain))
