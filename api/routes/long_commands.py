"""Commands that take long: how far each has come, and its end before its time."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.routes.parked_commands import Which
from api.schemas.long_commands import CommandProgressOut
from api.schemas.parked_commands import DecisionIn, OperationOut
from api.services import Use

router = APIRouter(prefix="/api/v1/commands/{domain}/{id}", tags=["commands"], route_class=Once)


@router.get("/progress", summary="Read how far a command has come")
async def progress(which: Which, actor: Acting, use: Use) -> CommandProgressOut:
    """The newest word of its handler, where that tells any: of the attempt that runs, or of the last one."""
    return CommandProgressOut.of(await use.commands.looking.progress(actor, which))


@router.post("/cancel", summary="Cancel a command", dependencies=KEYED)
async def cancel(
    wish: DecisionIn, which: Which, seen: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> OperationOut:  # fmt: skip
    """Before it is over: at once where nobody executes it; else, where it has a workflow of its own, by its handler.

    `state` says which: a command that is executed is canceled soon after, unless it ends by itself before that.
    """
    made = await use.commands.canceling.cancel(actor, which, seen, wish.operation_id, wish.reason)
    answer.headers["ETag"] = flag_tag(made.version)
    return OperationOut.of(made)
