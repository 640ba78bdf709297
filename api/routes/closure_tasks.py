"""Tasks of a close: done by their owners, looked at by somebody else, with evidence where it is asked for."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.schemas.closures import ClosureDetailOut, CompletionIn, SignOffIn
from api.schemas.common import KEY, ReasonIn
from api.services import Use
from application.closures.desk import ActWish
from domain.closures import Act

router = APIRouter(prefix="/api/v1/period-closures/{id}/tasks/{task}", tags=["periods"], route_class=Once)

Task = Annotated[str, Path(pattern=KEY, description="The key of the task in its template.")]


@router.post("/complete", summary="Say that a task is done", dependencies=KEYED)
async def complete(id: UUID, task: Task, wish: CompletionIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """By its owner, once the tasks before it are done. Where it has a reviewer it waits for them."""
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, wish.wish(task)))


@router.post("/sign-off", summary="Sign a task off", dependencies=KEYED)
async def sign_off(id: UUID, task: Task, wish: SignOffIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """By its reviewer, who is never its owner. It holds for what was seen, and rests when that moves."""
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, ActWish(Act.SIGN_OFF, wish.reason, task)))


@router.post("/reject", summary="Give a task back to its owner", dependencies=KEYED)
async def reject(id: UUID, task: Task, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, ActWish(Act.REJECT_TASK, wish.reason, task)))


@router.post("/waive", summary="Waive a task", dependencies=KEYED)
async def waive(id: UUID, task: Task, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """Not by who should have done it."""
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, ActWish(Act.WAIVE_TASK, wish.reason, task)))
