"""What lets a rollout go on that waits for its turn, and what keeps it waiting."""

from datetime import timedelta
from uuid import UUID

from application.locking.freezing import FreezeWish, Freezing
from application.locking.turns import Turns
from domain.locks import Freeze, FreezeKind, Reach, WhileRunning
from domain.rollouts import Rollout, State
from tests.workflow.theatre import PRODUCTION, Theatre, now, seen

WHY = "because of the story"


async def called(stage: Theatre, change: UUID, state: State) -> Rollout:
    """The loop of the worker goes round until the database shows this state."""
    turns = Turns(stage.store, stage.processes)

    async def reached() -> Rollout | None:
        await turns.call()
        found = await stage.rollout(change)
        return found if found.state is state else None

    found = await seen(reached)
    assert isinstance(found, Rollout)
    return found


async def frozen(stage: Theatre, running: WhileRunning, **lasts: float) -> Freeze:
    """Production, for a day or as long as it lasts."""
    ends = now() + timedelta(**(lasts or {"days": 1}))
    wish = FreezeWish(FreezeKind.FREEZE, Reach(PRODUCTION), None, ends, running, None, WHY)
    return await Freezing(stage.store).set(stage.house.olu, wish)


async def lifted(stage: Theatre, freeze: Freeze) -> None:
    await Freezing(stage.store).lift(stage.house.olu, freeze.id, FreezeKind.FREEZE, WHY)
