"""Decisions about commands: how each stands, who takes it back, and what a command has carried because of them."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.routes.commands import Id, Of
from api.schemas.command_repairs import LineageOut, OperationDetailOut, OperationsOut, WithdrawalIn
from api.schemas.parked_commands import OperationOut
from api.services import Use

router = APIRouter(prefix="/api/v1/command-operations", tags=["commands"], route_class=Once)
of_command = APIRouter(prefix="/api/v1/commands", tags=["commands"], route_class=Once)


@router.get("/{id}", summary="Read a decision about a command")
async def read(id: UUID, actor: Acting, use: Use) -> OperationDetailOut:  # noqa: A002 -- the wire's name
    """How it stands, and by which approval another person may say yes to it."""
    return OperationDetailOut.whole(await use.commands.lineages.operation(actor, id))


@router.post("/{id}/withdraw", summary="Take back a decision that waits for another person", dependencies=KEYED)
async def withdraw(id: UUID, wish: WithdrawalIn, actor: Acting, use: Use) -> OperationOut:  # noqa: A002 -- the wire's
    """By whoever asked for it; its command is free at once."""
    return OperationOut.of(await use.commands.repairing.withdraw(actor, id, wish.reason))


@of_command.get("/{domain}/{id}/operations", summary="List what people decided about a command")
async def operations(domain: Of, id: Id, actor: Acting, use: Use) -> OperationsOut:  # noqa: A002 -- the wire's name
    return OperationsOut.of(await use.commands.lineages.operations(actor, (domain, id)))


@of_command.get("/{domain}/{id}/lineage", summary="Read what a command has carried, epoch by epoch")
async def lineage(domain: Of, id: Id, actor: Acting, use: Use) -> LineageOut:  # noqa: A002 -- the wire's name
    """Each with the decision that began it, and its edit where there was one: a later retry keeps what was edited."""
    return LineageOut.of(await use.commands.lineages.lineage(actor, (domain, id)))
