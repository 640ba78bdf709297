"""Approval systems: who outside is asked for a vote where a level names them, and what they were asked."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.approval_systems import ApprovalSystemIn, ApprovalSystemList, ApprovalSystemOut, TicketList
from api.schemas.destinations import NAME
from api.services import Use

router = APIRouter(prefix="/api/v1", tags=["approvals"], route_class=Once)

Name = Annotated[str, Path(pattern=NAME)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the history.")]


@router.get("/approval-systems", summary="List approval systems")
async def listed(actor: Acting, use: Use) -> ApprovalSystemList:
    return ApprovalSystemList.of(await use.outside.systems.all(actor))


@router.get("/approval-systems/{name}", summary="Read an approval system")
async def read(name: Name, actor: Acting, use: Use, answer: Response) -> ApprovalSystemOut:
    found = await use.outside.systems.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.version)
    return ApprovalSystemOut.of(found)


@router.put("/approval-systems/{name}", summary="Set up an approval system", dependencies=KEYED)
async def replace(
    name: Name, expected: ExpectedVersion, wish: ApprovalSystemIn, actor: Acting, use: Use, answer: Response
) -> ApprovalSystemOut:
    """Over `"v0"` where there is none yet. A secret that is not given stays as it was."""
    after = await use.outside.systems.put(actor, name, wish.wish(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(after.version)
    return ApprovalSystemOut.of(after)


@router.delete("/approval-systems/{name}", status_code=204, summary="Remove an approval system", dependencies=KEYED)
async def remove(name: Name, expected: ExpectedVersion, actor: Acting, use: Use, reason: Why) -> None:
    """Levels that name it wait until it is set up again, or until their request expires."""
    await use.outside.systems.remove(actor, name, expected=expected, reason=reason)


@router.get("/approvals/{id}/tickets", summary="Read what was asked outside about a request")
async def tickets(id: UUID, actor: Acting, use: Use) -> TicketList:  # noqa: A002 -- the wire's name
    return TicketList.of(await use.outside.systems.tickets(actor, id))
