"""Whatever is rolled out, to whomever and however far: after the way back everybody is served what was stable."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from tests.unit.application.estates import (
    LIMIT,
    admitted,
    digests,
    exposed,
    flag,
    found,
    nobody_is_asked,
    restored,
    value,
)
from tests.world import OFF, ON, Clock, at_once, world_in

PLANS: list[Any] = [
    {"strategy": "direct"},
    {"strategy": "canary", "audience": {"mode": "tenant"}, "stages": [20, 60, 100]},
    {"strategy": "rolling", "batches": {"size": 2, "pause_seconds": 0}},
]
TARGETS = st.lists(st.sampled_from(["checkout", "fresh", "upload.limit"]), min_size=1, max_size=3, unique=True)
WHOSE = st.sampled_from(["own", "those below"])


async def _course(names: list[str], tenants: int, plan: Any, stages: int, most: int, *, own: bool) -> tuple[Any, Any]:
    world = world_in_memory()
    await nobody_is_asked(world)
    await world.setting.definitions.create(world.ada, LIMIT, "for the test")
    await world.put(OFF)
    below = [await found(world, f"t-{n:02}") for n in range(tenants)]
    everybody = [world.tenant.id, *below]
    before = await digests(world, everybody)
    wanted = [
        value(20 + at, at=at) if name == "upload.limit" else flag(name, ON, _base(name, own=own), at)
        for at, name in enumerate(names)
    ]
    choice = None if own else {"all": True}
    rollout = await admitted(world, *wanted, plan=PLANS[0] if own else plan, tenants=choice)
    for stage in range(1 if own else min(stages, (await world.rollout(rollout)).stages or 1)):
        await exposed(world, rollout, stage)
    changed = await digests(world, everybody)
    assert changed != before
    await restored(world, rollout, most=most)
    return before, await digests(world, everybody)


def _base(name: str, *, own: bool) -> int | None:
    return (1 if name == "checkout" else 0) if own else None


def world_in_memory() -> Any:
    clock = Clock()
    return at_once(world_in(MemoryStore(clock), clock))


@pytest.mark.req("I5", "S64", "S71")
@settings(max_examples=40, deadline=None)
@given(TARGETS, st.integers(1, 5), st.sampled_from(PLANS), st.integers(1, 3), st.integers(1, 4), WHOSE)
def test_everybody_has_again_what_was_stable(
    names: list[str], tenants: int, plan: Any, stages: int, most: int, whose: str
) -> None:
    before, after = asyncio.run(_course(names, tenants, plan, stages, most, own=whose == "own"))
    assert after == before
