"""A change that has succeeded, and how it is taken back in memory."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from application.reverting import Reverted, Reverting, RevertWish
from domain.approvals import Standing
from domain.rollouts import State
from tests.unit.application.estates import admitted, exposed
from tests.world import World


async def succeeded(world: World, *wanted: Any, **more: Any) -> UUID:
    rollout = await admitted(world, *wanted, **more)
    await world.judged(rollout)
    return await completed(world, rollout)


async def completed(world: World, rollout: UUID) -> UUID:
    await exposed(world, rollout)
    for state, cause in ((State.BAKING, "all_stages_passed"), (State.SUCCEEDED, "completed")):
        await world.progression.move(world.step(rollout), state, cause)
    world.clock += timedelta(seconds=1)
    return rollout


async def revert(world: World, change: UUID, **wish: Any) -> Reverted:
    reverting = Reverting(world.store, world.changes, world.submission, world.setting)
    return await reverting.revert(world.root, change, RevertWish(**{"reason": "it was a mistake", **wish}))


async def begun(world: World, done: Reverted) -> UUID:
    assert done.submitted is not None
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.approvals.close(done.submitted.approval.id, Standing.APPROVED)
    rollout = done.submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    return rollout


async def taken(world: World, done: Reverted) -> UUID:
    """The change that takes back, once it has succeeded."""
    return await completed(world, await begun(world, done))
