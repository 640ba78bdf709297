"""Groups of people that a policy asks under one name."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.common import HANDLE
from api.schemas.groups import GroupIn, GroupOut, GroupsOut
from api.services import Use

router = APIRouter(prefix="/api/v1/groups", tags=["people"], route_class=Once)

Name = Annotated[str, Path(pattern=HANDLE)]


@router.get("", summary="List groups of people")
async def listed(actor: Acting, use: Use) -> GroupsOut:
    return GroupsOut.of(await use.groups.all(actor))


@router.get("/{name}", summary="Read a group of people")
async def read(name: Name, actor: Acting, use: Use, answer: Response) -> GroupOut:
    found = await use.groups.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.group.version)
    return GroupOut.of(found)


@router.put("/{name}", summary="Set who is in a group", dependencies=KEYED)
async def put(
    name: Name, wish: GroupIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> GroupOut:
    """Over the version in If-Match (`"v0"` for a new one); effective at their next vote."""
    done = await use.groups.put(actor, name, wish.members, expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(done.group.version)
    return GroupOut.of(done)
