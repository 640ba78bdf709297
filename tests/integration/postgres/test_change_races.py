"""What is taken back, defined or governed meets who writes at the same time, over two sets of connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.policies import SetPolicy
from application.reverting import Reverted, Reverting, RevertWish
from application.submission import Submitted
from domain.approvals import ApprovalPolicy, Level
from domain.changes import Kind, NothingLeft, TouchedSince
from domain.errors import Stale
from domain.rollouts import State
from domain.settings import Scope
from tests.wishing import DE, DEV, SCOPES, WHY, define, govern, say, ungovern, value, version, wish
from tests.world import Clock, World, world_in

ROUNDS, WRITERS = 8, 20


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    world = await world_in(store, Clock())
    await ungovern(world)
    await define(world)
    return world


@pytest_asyncio.fixture
async def beside(database_url: str, world: World) -> AsyncIterator[World]:
    """The same world through connections of its own, as another process has them."""
    engine: AsyncEngine = connect(database_url)
    other = World(PostgresStore(engine), world.tenant, world.clock)
    other.people = world.people
    yield other
    await engine.dispose()


async def finish(world: World, submitted: Submitted) -> UUID:
    await world.vote("bob", submitted.approval.id)
    rollout = submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    await world.progression.expose(world.step(rollout), 0)
    await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
    assert await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
    return rollout


async def changed(world: World, number: int) -> UUID:
    """A change that one person has approved and that is done; afterwards nobody is asked again."""
    await govern(world, DEV, 1)
    outcome = await say(world, wish("limit", number))
    assert outcome.submitted is not None
    change = await finish(world, outcome.submitted)
    await govern(world, DEV, 0)
    return change


async def revert(world: World, change: UUID, **wish: Any) -> Reverted:
    reverting = Reverting(world.store, world.changes, world.submission, world.setting)
    return await reverting.revert(world.ada, change, RevertWish(WHY, **wish))


def refusals(answers: Sequence[Any], *kinds: type[Exception]) -> list[type]:
    """The refusals of these kinds; anything else that went wrong is raised."""
    found = [answer for answer in answers if isinstance(answer, BaseException)]
    for each in found:
        if not isinstance(each, kinds):
            raise each
    return [type(each) for each in found]


@pytest.mark.req("ST83", "FR-SM-032")
class TestRevert:
    async def test_never_overwrites_what_was_written_meanwhile(self, world: World, beside: World) -> None:
        await say(world, wish("limit", 0))
        for number in range(ROUNDS):
            change = await changed(world, 100 + number)
            before = await version(world)
            answers = await asyncio.gather(
                revert(world, change), say(beside, wish("limit", number)), return_exceptions=True
            )
            refused = refusals(answers, TouchedSince)
            # Either the revert came first and was written over, or it saw the other value and left it.
            assert await value(world) == number
            assert await version(world) == before + 2 - len(refused)

    async def test_of_one_change_happens_once(self, world: World, beside: World) -> None:
        await say(world, wish("limit", 0))
        change = await changed(world, 7)
        answers = await asyncio.gather(
            *(revert(each, change) for _ in range(WRITERS // 2) for each in (world, beside)), return_exceptions=True
        )
        assert len(refusals(answers, TouchedSince, NothingLeft)) == WRITERS - 1
        assert (await value(world), await version(world)) == (0, 3)

    async def test_that_needs_approval_waits_with_others_and_happens_once(self, world: World, beside: World) -> None:
        change = await changed(world, 7)
        await govern(world, DEV, 1)
        answers = await asyncio.gather(
            *(revert(each, change) for _ in range(5) for each in (world, beside)), return_exceptions=True
        )
        assert refusals(answers) == []
        first, *others = [answer.submitted for answer in answers if isinstance(answer, Reverted) and answer.submitted]
        assert len(others) == 2 * 5 - 1
        await finish(world, first)
        found = await world.setting.reads.stored(world.eve, DEV, "limit", Scope())
        assert [each.entry.state.value for each in found[0]] == ["unset"]


@pytest.mark.req("FR-SM-004")
class TestDefinition:
    async def test_that_was_approved_and_a_value_that_it_refuses_are_never_both_there(
        self, world: World, beside: World
    ) -> None:
        for number in range(ROUNDS):
            key = f"limit{number}"
            await define(world, key)
            await govern(world, DEV, 1)
            raw = {"key": key, "type": "integer", "scopes": SCOPES, "schema": {"maximum": 50}}
            asked = await world.setting.meanings.redefine(world.ada, key, raw, expected=1, reason=WHY)
            assert isinstance(asked, Submitted)
            await world.vote("bob", asked.approval.id)
            await govern(world, DEV, 0)
            admission, written = await asyncio.gather(
                world.admit(asked.rollout.id), say(beside, wish(key, 99, DE)), return_exceptions=True
            )
            world.clock += timedelta(seconds=1)
            if getattr(admission, "state", None) is State.RUNNING and not isinstance(written, BaseException):
                # It was admitted before the value was there: it is tried once more where it is written.
                with pytest.raises(Exception, match="do not fit"):
                    await world.progression.expose(world.step(asked.rollout.id), 0)
            stored = await world.setting.definitions.get(world.eve, key)
            assert (await value(world, key, DE) == 99) is (stored.version == 1)


@pytest.mark.req("FR-CFG-005")
class TestPolicy:
    async def test_is_replaced_once_by_who_saw_the_same_version(self, world: World, beside: World) -> None:
        seen = (await world.tenants.policy(world.eve, DEV, Kind.SETTING)).version
        wishes = [SetPolicy(DEV, Kind.SETTING, ApprovalPolicy((Level(quorum=n + 1),)), seen) for n in range(10)]
        answers = await asyncio.gather(
            *(each.tenants.set_policy(each.root, wish, WHY) for wish in wishes for each in (world, beside)),
            return_exceptions=True,
        )
        assert len(refusals(answers, Stale)) >= len(answers) - 2  # two may wish for the same
        assert (await world.tenants.policy(world.eve, DEV, Kind.SETTING)).version == seen + 1

    async def test_that_nobody_set_is_set_once(self, world: World, beside: World) -> None:
        wishes = [SetPolicy(DEV, Kind.FLAG, ApprovalPolicy((Level(quorum=n + 1),)), 0) for n in range(10)]
        await asyncio.gather(
            *(each.tenants.set_policy(each.root, wish, WHY) for wish in wishes for each in (world, beside)),
            return_exceptions=True,
        )
        assert (await world.tenants.policy(world.eve, DEV)).version == 1
        assert len(await world.events("policy:approval:changed")) == 1
