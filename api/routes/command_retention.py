"""For how long a tenant keeps its commands: read, and set."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.command_retention import RetentionIn, RetentionOut
from api.services import Use

router = APIRouter(prefix="/api/v1/command-retention", tags=["commands"], route_class=Once)


@router.get("", summary="Read for how long commands are kept")
async def read(actor: Acting, use: Use, answer: Response) -> RetentionOut:
    found = await use.commands.keeping.get(actor)
    answer.headers["ETag"] = flag_tag(found.version)
    return RetentionOut.of(found)


@router.put("", summary="Set for how long commands are kept", dependencies=KEYED)
async def put(
    expected: ExpectedVersion, wish: RetentionIn, actor: Acting, use: Use, answer: Response
) -> RetentionOut:  # fmt: skip
    """Over `"v0"` the first time; for what is purged from now on."""
    found = await use.commands.keeping.set(actor, wish.wanted(expected), wish.reason)
    answer.headers["ETag"] = flag_tag(found.version)
    return RetentionOut.of(found)
