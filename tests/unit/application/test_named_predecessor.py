"""Who takes over is told whose place it took, also when it asks again because the answer was lost."""

import pytest

from domain.rollouts import State
from tests.world import World

TAKES_OVER = {"on_conflict": "supersede", "takeover": "take_over"}


@pytest.mark.req("S83", "S71")
async def test_whose_place_it_took_is_said_at_every_try(world: World) -> None:
    newer = (await world.submit(plan=TAKES_OVER)).rollout.id
    old = await world.running()
    for handle in ("bob", "cyd"):
        await world.vote(handle, newer)
    first = await world.admit(newer)
    assert (first.state, first.why, first.took_over) == (State.RUNNING, "taken_over", old)
    assert await world.admit(newer) == first


async def test_who_took_nobodys_place_names_nobody(world: World) -> None:
    rollout = (await world.approved()).rollout.id
    assert (await world.admit(rollout)).took_over is None
