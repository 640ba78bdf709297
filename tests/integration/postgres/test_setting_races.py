import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.settings.reading import Question
from domain.errors import Invalid, Stale
from domain.settings import IncompatibleDefinition, RulesViolated, Scope
from tests.wishing import ADA, DE, DEV, SCOPES, WHY, apart, define, rule, say, ungovern, unset, value, version, wish
from tests.world import Clock, World, world_in

WRITERS = 20


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    return await world_in(store, Clock())


@pytest_asyncio.fixture
async def beside(database_url: str, world: World) -> AsyncIterator[World]:
    """The same world through connections of its own, as another process has them."""
    engine: AsyncEngine = connect(database_url)
    other = World(PostgresStore(engine), world.tenant, world.clock)
    other.people = world.people
    yield other
    await engine.dispose()


async def assert_one_after_another(world: World, versions: int) -> None:
    """Every version is there, each but the last ended, and none held while another did."""
    history = await world.setting.reads.history(world.eve, DEV, "limit", Scope(), versions + 99, versions + 99)
    entries = [stored.entry for stored in reversed(history)]
    assert [entry.version for entry in entries] == list(range(1, versions + 1))
    assert all(earlier.until == later.since for earlier, later in pairwise(entries))
    assert entries[-1].until is None


@pytest.mark.req("FR-SM-001", "SM-D13")
class TestWriters:
    @pytest.mark.req("ST83")
    async def test_who_saw_the_same_version_win_it_once(self, world: World, beside: World) -> None:
        await define(world)
        for seen in range(4):
            writers = (
                say(each, wish("limit", number, expected=seen))
                for number in range(WRITERS // 2)
                for each in (world, beside)
            )
            answers = await asyncio.gather(*writers, return_exceptions=True)
            refused = [answer for answer in answers if isinstance(answer, BaseException)]
            assert [type(each) for each in refused] == [Stale] * (WRITERS - 1)
            assert await version(world) == seen + 1
        await assert_one_after_another(world, 4)

    async def test_who_saw_nothing_write_one_after_another(self, world: World, beside: World) -> None:
        await define(world)
        writers = (say(each, wish("limit", n)) for n in range(WRITERS // 2) for each in (world, beside))
        outcomes = await asyncio.gather(*writers)
        assert sorted(outcome.epoch for outcome in outcomes) == list(range(2, WRITERS + 2))
        by_version = {outcome.entries[0].entry.version: outcome for outcome in outcomes}
        assert sorted(by_version) == list(range(1, WRITERS + 1))
        assert await value(world) == by_version[WRITERS].entries[0].entry.value
        await assert_one_after_another(world, WRITERS)

    async def test_of_the_same_request_are_one(self, world: World, beside: World) -> None:
        await define(world)
        asked = replace(world.ada, request=uuid4())
        sent = (say(each, wish("limit", 7), actor=asked) for _ in range(6) for each in (world, beside))
        outcomes = await asyncio.gather(*sent)
        assert [outcome.entries[0].entry.version for outcome in outcomes] == [1] * 12
        assert len(await world.events("setting:value:changed")) == 1


def sorted_answers(answers: Sequence[Any], refusal: type[Exception]) -> list[bool]:
    """Whether each was refused so; anything else that went wrong is raised."""
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, refusal):
            raise answer
    return sorted(isinstance(answer, refusal) for answer in answers)


class TestChecks:
    @pytest.mark.req("ST77", "SM-D7")
    async def test_of_two_orders_that_together_break_a_rule_one_is_refused(self, world: World, beside: World) -> None:
        await define(world, "stripe", "boolean")
        await define(world, "paypal", "boolean")
        await rule(world, apart("stripe", "paypal"))
        for _ in range(10):
            answers = await asyncio.gather(
                say(world, wish("stripe", True)), say(beside, wish("paypal", True, ADA)), return_exceptions=True
            )
            assert sorted_answers(answers, RulesViolated) == [False, True]
            both = [await value(world, key, ADA) is True for key in ("stripe", "paypal")]
            assert sorted(both) == [False, True]
            await say(world, unset("stripe"), unset("paypal", ADA))

    async def test_of_a_rule_and_what_breaks_it_one_is_refused(self, world: World, beside: World) -> None:
        await define(world, "stripe", "boolean")
        await define(world, "paypal", "boolean")
        await ungovern(world)
        for _ in range(10):
            expected = (await world.setting.rules.get(world.ada)).version
            ruled = world.setting.rules.replace(world.ada, [apart("stripe", "paypal")], expected=expected, reason=WHY)
            both = say(beside, wish("stripe", True), wish("paypal", True))
            answers = await asyncio.gather(ruled, both, return_exceptions=True)
            assert sorted_answers(answers, RulesViolated) == [False, True]
            await say(world, unset("stripe"), unset("paypal"))
            if not isinstance(answers[0], RulesViolated):
                await world.setting.rules.replace(world.ada, [], expected=expected + 1, reason=WHY)

    @pytest.mark.req("FR-SM-004")
    async def test_a_definition_and_a_value_that_it_refuses_are_never_both_there(
        self, world: World, beside: World
    ) -> None:
        await ungovern(world)
        for number in range(10):
            key = f"limit{number}"
            await define(world, key)
            narrow = {"key": key, "type": "integer", "scopes": SCOPES, "schema": {"maximum": 50}}
            answers = await asyncio.gather(
                world.setting.definitions.replace(world.ada, key, narrow, expected=1, reason=WHY),
                say(beside, wish(key, 99, DE)),
                return_exceptions=True,
            )
            kinds = [type(answer) for answer in answers]
            assert (IncompatibleDefinition in kinds) != (Invalid in kinds), answers
            assert (await value(world, key, DE) == 99) is (IncompatibleDefinition in kinds)


@pytest.mark.req("FR-SM-002")
class TestReaders:
    async def test_see_whole_orders_only(self, world: World, beside: World) -> None:
        for key in ("left", "right"):
            await define(world, key, default=0)
        done = asyncio.Event()
        question = Question(DEV, Scope(ADA))

        async def write() -> None:
            for number in range(1, 61):
                await say(world, wish("left", number), wish("right", number, DE))
            done.set()

        async def read() -> list[int]:
            seen = []
            while not done.is_set():
                left, right = await beside.setting.reads.some_effective(beside.eve, question, ["left", "right"])
                assert left.resolution.value == right.resolution.value
                seen.append(left.resolution.value)
            return seen  # type: ignore[return-value]  # whole numbers were written

        _, *readers = await asyncio.gather(write(), read(), read(), read())
        for seen in readers:
            assert seen == sorted(seen)
            assert len(set(seen)) > 1
