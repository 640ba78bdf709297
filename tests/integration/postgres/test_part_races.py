"""What is written in many places at once meets whoever writes in one of them."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application import parts
from application.ports.records import StoredFlag
from domain.rollouts import StaleGeneration
from domain.rollouts.parts import PartState
from tests.unit.application.estates import DIRECT, admitted, flag, flag_of, nobody_is_asked, parts_of
from tests.world import OFF, ON, PRODUCTION, Clock, World, world_in

KEYS = ("alpha", "beta", "gamma")


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    world = await world_in(store, Clock())
    await nobody_is_asked(world)
    for key in KEYS:
        await world.put(key=key)
    return world


async def by_hand(world: World, key: str) -> bool:
    """Somebody reads the newest version and writes the next one, in one transaction."""
    try:
        async with world.store.transaction(world.tenant.id) as tx:
            present = await tx.flags.get(PRODUCTION, key, lock=True)
            assert present is not None
            mine = {**OFF, "metadata": {"by": "hand"}}
            new = StoredFlag(PRODUCTION, key, present.version + 1, mine, "api", None, tx.now)
            await tx.flags.put(new, expected=present.version)
    except StaleGeneration:
        return False
    return True


class TestRacedParts:
    @pytest.mark.req("S72", "S76", "S85")
    @pytest.mark.parametrize("order", [KEYS, KEYS[::-1]])
    async def test_whoever_writes_one_of_them_waits_and_nobody_for_ever(
        self, world: World, order: tuple[str, ...]
    ) -> None:  # fmt: skip
        rollout = await admitted(world, *(flag(key, at=at) for at, key in enumerate(order)), plan=DIRECT)

        async def expose() -> bool:
            try:
                async with world.store.transaction(world.tenant.id) as tx:
                    present, change = await tx.rollouts.get(rollout, lock=True), await tx.changes.get(rollout)
                    assert present is not None
                    assert change is not None
                    await parts.expose(tx, present, change, 0)
            except StaleGeneration:
                return False
            return True

        served, *wrote = await asyncio.gather(expose(), *(by_hand(world, key) for key in KEYS))
        assert all(wrote)
        states = {each.state for each in await parts_of(world, rollout)}
        assert states == ({PartState.APPLIED} if served else {PartState.PENDING})

    @pytest.mark.req("S72", "I5")
    async def test_going_back_beside_them_overwrites_nobody(self, world: World) -> None:
        rollout = await admitted(world, *(flag(key, at=at) for at, key in enumerate(KEYS)), plan=DIRECT)
        await world.progression.expose(world.step(rollout), 0)

        async def back() -> Any:
            async with world.store.transaction(world.tenant.id) as tx:
                present = await tx.rollouts.get(rollout, lock=True)
                assert present is not None
                return await parts.restore(tx, present)

        done, *_ = await asyncio.gather(back(), *(by_hand(world, key) for key in KEYS[:2]))
        now = {key: await flag_of(world, world.tenant.id, key) for key in KEYS}
        assert all(each is not None and each.definition != ON for each in now.values())
        drifted = [each.key for each in await parts_of(world, rollout) if each.state is PartState.DRIFTED]
        assert len(drifted) == done.drifted
        assert all(now[key].origin == "api" for key in drifted)  # type: ignore[union-attr]  # all are there
