"""Destinations: where a tenant is told, besides by mail to each person."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.destinations import NAME, DestinationIn, DestinationList, DestinationOut
from api.services import Use

router = APIRouter(prefix="/api/v1/destinations", tags=["events"], route_class=Once)

Name = Annotated[str, Path(pattern=NAME)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the history.")]


@router.get("", summary="List destinations of messages")
async def listed(actor: Acting, use: Use) -> DestinationList:
    return DestinationList.of(await use.outside.destinations.all(actor))


@router.get("/{name}", summary="Read a destination")
async def read(name: Name, actor: Acting, use: Use, answer: Response) -> DestinationOut:
    found = await use.outside.destinations.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.version)
    return DestinationOut.of(found)


@router.put("/{name}", summary="Say where messages go", dependencies=KEYED)
async def replace(
    name: Name, expected: ExpectedVersion, wish: DestinationIn, actor: Acting, use: Use, answer: Response
) -> DestinationOut:
    """Over `"v0"` where there is none yet. A webhook, a channel that takes Slack's messages, or a list of addresses."""
    after = await use.outside.destinations.put(actor, name, wish.wish(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(after.version)
    return DestinationOut.of(after)


@router.delete("/{name}", status_code=204, summary="Remove a destination", dependencies=KEYED)
async def remove(name: Name, expected: ExpectedVersion, actor: Acting, use: Use, reason: Why) -> None:
    """What is on its way to it goes nowhere."""
    await use.outside.destinations.remove(actor, name, expected=expected, reason=reason)
