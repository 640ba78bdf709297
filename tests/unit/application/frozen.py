"""A freeze that an operator sets in memory."""

from datetime import timedelta
from typing import Any

from application.locking.freezing import FreezeWish, Freezing
from domain.locks import Freeze, FreezeKind, Reach, WhileRunning
from tests.world import PRODUCTION, World

WHY = "because of the test"
HOUR = timedelta(hours=1)
EVERYTHING = Reach(PRODUCTION)


async def frozen(world: World, reach: Reach = EVERYTHING, **given: Any) -> Freeze:
    said: dict[str, Any] = {
        "kind": FreezeKind.FREEZE, "starts": None, "ends": world.clock() + 5 * HOUR,
        "running": WhileRunning.CONTINUE, "owner": None, "reason": WHY,
    }  # fmt: skip
    return await Freezing(world.store).set(world.olu, FreezeWish(reach=reach, **{**said, **given}))
