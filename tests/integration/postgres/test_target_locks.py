"""Many at once ask for the same targets of the real database: nobody waits for ever, and nothing is held twice."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.settings.wishes import Order, Wish
from domain.approvals import ApprovalPolicy, Level
from domain.changes import ChangeSet, Kind
from domain.locks import DEPTH, QueueFull
from domain.rollouts import State
from domain.settings import EntryState, Scope
from tests.world import STAGING, Clock, World, world_in

LANES, ROUNDS = 4, 25
WHY = "because of the test"


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    made = await world_in(store, Clock())
    async with store.transaction(made.tenant.id) as tx:
        await tx.policies.put(STAGING, Kind.SETTING, ApprovalPolicy((Level(),)))
    for lane in range(LANES):
        for name in ("a", "b", "c"):
            raw = {"key": f"{name}{lane}", "type": "integer", "scopes": ["tenant"], "schema": {}}
            await made.setting.definitions.create(made.ada, raw, WHY)
    return made


async def approved(world: World, number: int, *keys: str) -> UUID:
    """A change of several targets, in this order, that is about to start."""
    wishes = tuple(Wish(key, Scope(""), EntryState.SET, number) for key in keys)
    outcome = await world.setting.writes.write(world.ada, Order(STAGING, wishes, WHY))
    assert outcome.submitted is not None
    await world.vote("bob", outcome.submitted.approval.id)
    return outcome.submitted.rollout.id


async def admitted(world: World, rollout: UUID, name: str) -> State:
    return (await world.admit(rollout, name)).state


async def gone(world: World, rollout: UUID) -> None:
    await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
    assert await world.back(world.step(rollout)) is State.ROLLED_BACK


class TestOverlapping:
    @pytest.mark.req("S85", "I3")
    async def test_in_opposite_order_one_starts_and_the_other_follows_a_hundred_times(self, world: World) -> None:
        async def lane(number: int) -> None:
            a, b, c = (f"{name}{number}" for name in ("a", "b", "c"))
            for each in range(ROUNDS):
                first = await approved(world, each, a, b, c)
                second = await approved(world, each, c, b, a)
                states = await asyncio.gather(admitted(world, first, "admit:0"), admitted(world, second, "admit:0"))
                assert sorted(states) == [State.QUEUED, State.RUNNING]
                winner, loser = (first, second) if states[0] is State.RUNNING else (second, first)
                await gone(world, winner)
                assert await admitted(world, loser, "admit:1") is State.RUNNING
                await gone(world, loser)

        await asyncio.gather(*(lane(number) for number in range(LANES)))
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.target_locks.holders(STAGING) == []


class TestRacedStart:
    @pytest.mark.req("S81", "I3")
    async def test_of_many_one_starts(self, world: World) -> None:
        waiting = [await approved(world, number, "a0", "b0") for number in range(6)]
        states = await asyncio.gather(*(admitted(world, each, "admit:0") for each in waiting))
        assert sorted(states) == [State.QUEUED] * 5 + [State.RUNNING]
        async with world.store.transaction(world.tenant.id) as tx:
            (holder,) = await tx.target_locks.holders(STAGING)
        assert holder == waiting[states.index(State.RUNNING)]

    @pytest.mark.req("S81")
    async def test_of_eleven_that_ask_at_once_ten_may_wait(self, world: World) -> None:
        await world.put()
        changes = [await world.propose() for _ in range(DEPTH + 1)]

        async def submit(change: ChangeSet) -> bool:
            try:
                await world.submission.submit(world.ada, change.id)
            except QueueFull:
                return False
            return True

        assert sorted(await asyncio.gather(*map(submit, changes))) == [False] + [True] * DEPTH

    @pytest.mark.req("I3")
    async def test_no_row_says_that_two_hold_one_place(self, world: World, owner: asyncpg.Connection) -> None:
        first, second = [await approved(world, number, "a0") for number in range(2)]
        await world.admit(first)
        await owner.execute("SELECT set_config('app.tenant_id', $1, false)", str(world.tenant.id))
        await owner.execute("ALTER TABLE target_lock NO FORCE ROW LEVEL SECURITY")
        try:
            with pytest.raises(asyncpg.UniqueViolationError):
                await owner.execute(
                    "UPDATE target_lock SET token = 1, taken_at = now() WHERE rollout_id = $1", second
                )  # fmt: skip
        finally:
            await owner.execute("ALTER TABLE target_lock FORCE ROW LEVEL SECURITY")
