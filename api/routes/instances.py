"""Instances say what they hold, and whoever may read a target sees who holds which version of it."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.auth import Acting
from api.intake import Checked
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, text
from api.schemas.instances import (
    AcknowledgementsIn,
    AcknowledgementsOut,
    DeployedOut,
    HistoryPage,
    HoldersOut,
    InstancePage,
    LiveOut,
)
from api.services import Use
from application.instances.looking import Aim
from domain.changes import Kind
from domain.environments import Environment

KEY = r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,199}$"

router = APIRouter(prefix="/api/v1/instances", tags=["instances"], route_class=Checked)
targets = APIRouter(prefix="/api/v1/targets/{environment}/{kind}/{key}", tags=["instances"], route_class=Checked)


class TargetKind(StrEnum):
    FLAG = "flag"
    SETTING = "setting"


def _aim(environment: Environment, kind: TargetKind, key: Annotated[str, Path(pattern=KEY)]) -> Aim:
    return Aim(environment, Kind(kind.value), key)


Aimed = Annotated[Aim, Depends(_aim)]
In = Annotated[Environment, Query(description="Where they run.")]
Followed = Annotated[TargetKind, Query(description="What they follow.")]


@router.post("/acknowledgements", summary="Say what instances hold")
async def acknowledge(wish: AcknowledgementsIn, actor: Acting, use: Use) -> AcknowledgementsOut:
    """For those that cannot say it with what they ask. Saying it again changes nothing, so it needs no key."""
    said = wish.said()
    use.acknowledging.take(actor, wish.environment, said)
    return AcknowledgementsOut(taken=len(said))


@router.get("", summary="List the live instances of an environment, and what they hold")
async def listed(
    environment: In, actor: Acting, use: Use, kind: Followed = TargetKind.FLAG, cursor: Cursor = None, limit: Limit = 50
) -> InstancePage:  # fmt: skip
    """Live are those that were seen in the last five minutes: whoever streams is, as long as it does."""
    (after,) = decoded("instances", cursor, text) or ("",)
    found = await use.instances.present(actor, environment, Kind(kind.value), after, limit + 1)
    return InstancePage.of(found, cut(found.page, limit, lambda seen: encoded("instances", seen.name)))


@targets.get("/instances", summary="Read who holds which version of a target")
async def instances(aim: Aimed, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> HoldersOut:
    """Live are those that were seen in the last five minutes and follow the kind."""
    (after,) = decoded("instances", cursor, text) or ("",)
    found = await use.instances.holders(actor, aim, after, limit + 1)
    return HoldersOut.of(found, cut(found.page, limit, lambda held: encoded("instances", held.instance.name)))


@targets.get("/live", summary="Read what a target is now")
async def live(aim: Aimed, actor: Acting, use: Use) -> LiveOut:
    return LiveOut.of(await use.instances.live(actor, aim))


@targets.get("/stable", summary="Read what the last deployment of a target that succeeded wrote")
async def stable(aim: Aimed, actor: Acting, use: Use) -> DeployedOut:
    return DeployedOut.of(await use.instances.stable(actor, aim))


@targets.get("/history", summary="List the deployments of a target, newest first")
async def history(aim: Aimed, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> HistoryPage:
    before = decoded("history", cursor, moment, identifier)
    rows = await use.instances.history(actor, aim, (before[0], before[1]) if before else None, limit + 1)
    return HistoryPage.of(cut(rows, limit, lambda each: encoded("history", each.created_at, each.rollout)))
