"""Whoever is terminated while it goes back is found by the loop that looks, and nobody has to ask for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from application.recovery import Recovery
from domain.rollouts import State, Verb
from tests.workflow.theatre import CLASSIC, PRODUCTION, Theatre, seen

WITHIN = 60
"""The seconds in which it is to be found; the loop looks four times in them."""


@pytest_asyncio.fixture
async def looking(stage: Theatre) -> AsyncIterator[None]:
    """The loop of a worker, as often as it looks there."""
    loop = asyncio.create_task(Recovery(stage.store, stage.processes).run())
    yield
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop


@pytest.mark.req("S75", "I5")
async def test_what_was_terminated_midway_is_back_within_a_minute(stage: Theatre, looking: None) -> None:
    change = await stage.launch()
    async with stage.store.transaction(stage.house.id) as tx:
        await tx.flags.get(PRODUCTION, "checkout", lock=True)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await seen(lambda: stage.doing(change, "rollout.restore"))
        await stage.handle(change).terminate("by hand")

    async def back() -> bool:
        return (await stage.rollout(change)).state is State.ROLLED_BACK

    await seen(back, WITHIN)
    assert await stage.served() == CLASSIC
