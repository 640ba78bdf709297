"""Whatever is written in both, production says its own, else what staging says at the tenant, else the default.

A twin of the key that does not fall back is written alike, and tells what each environment says by itself.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import ScheduleOverlaps
from tests.wishing import DE, STAGING, define, resolution, say, ungovern, unset, wish
from tests.world import PRODUCTION, START, Clock, World, world_in

HOUR = timedelta(hours=1)
DEFAULT = 10


class Act(NamedTuple):
    """Half an hour passes after each; hours are counted from now."""

    environment: Environment
    scope: str
    value: int | None
    since: int
    lasts: int


ACTS = st.lists(
    st.builds(
        Act, st.sampled_from((STAGING, STAGING, PRODUCTION)), st.sampled_from(("", "", DE)),
        st.none() | st.integers(1, 5), st.sampled_from((0, 0, 1, 2, 4)), st.sampled_from((0, 0, 1, 3)),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


async def done(world: World, act: Act) -> None:
    now = world.clock()
    time: dict[str, Any] = {"since": now + act.since * HOUR} if act.since else {}
    if act.lasts:
        time["until"] = now + (act.since + act.lasts) * HOUR
    both = [
        unset(key, act.scope, **time) if act.value is None else wish(key, act.value, act.scope, **time)
        for key in ("limit", "twin")
    ]
    with suppress(ScheduleOverlaps):
        await say(world, *both, environment=act.environment)
    world.clock += HOUR / 2


async def expected(world: World, scope: str, **at: Any) -> Json:
    for environment, place in ((PRODUCTION, scope), (STAGING, "")):
        own = await resolution(world, "twin", place, environment=environment, **at)
        if own.found:
            return own.value
    return DEFAULT


@pytest.mark.req("FR-CFG-003")
class TestAnyHistory:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(ACTS)
    async def test_is_production_then_staging_then_the_default(self, acts: list[Act]) -> None:
        clock = Clock()
        world = await world_in(MemoryStore(clock), clock)
        await ungovern(world)
        await define(world, "limit", default=DEFAULT, fallback="staging")
        await define(world, "twin")
        for act in acts:
            await done(world, act)
        for half in range(18):
            as_of = START + half * HOUR / 2 + timedelta(minutes=7)
            for scope in ("", DE):
                told = await resolution(world, "limit", scope, as_of, PRODUCTION)
                assert told.value == await expected(world, scope, as_of=as_of), (half, scope)
