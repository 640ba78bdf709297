"""Evaluations are counted in memory, written down together, and lost by nothing but the end of the process."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.store import MemoryStore
from application.flag_usage.counting import KEPT, Tallies, Tally, UsageCounts
from application.ports.flag_usage import Times
from application.ports.records import TelemetryBatch, TelemetrySample
from application.telemetry import Telemetry
from domain.environments import Environment
from domain.errors import Unavailable
from domain.flags import FlagSet, compile_flag_set
from tests.world import OFF, World

PRODUCTION, DEV = Environment.PRODUCTION, Environment.DEV
FLAGS: dict[str, Any] = {
    "checkout": OFF,
    "basket": {**OFF, "targeting": {"if": [{"var": "beta"}, "on"]}},
    "broken": {**OFF, "targeting": {"cat": ["no", "where"]}},
    "off": {**OFF, "state": "DISABLED"},
}


@pytest.fixture
def flags() -> FlagSet:
    return compile_flag_set(FLAGS, revision=1, now=lambda: 0.0)


class Counting:
    """What one process counts, and what is written of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tallies = Tallies()
        self.counts = UsageCounts(world.store, self.tallies)

    @property
    def tally(self) -> Tally:
        return self.tallies.of(self.world.tenant.id, PRODUCTION)

    async def written(self, key: str = "checkout", environment: Environment = PRODUCTION) -> list[Times]:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            return await tx.flag_usage.times(environment, key, tx.now - timedelta(hours=1))


@pytest.fixture
async def counting(world: World) -> Counting:
    for key, definition in FLAGS.items():
        await world.put(definition, key)
    return Counting(world)


@pytest.mark.req("FL1")
class TestTally:
    def test_by_flag_variant_and_reason(self, flags: FlagSet) -> None:
        tally = Tally()
        for context in ({}, {"beta": True}, {"beta": True}):
            tally.add_all(flags.evaluate_all(context))
        tally.add(flags.evaluate("nothing", {}))
        assert tally.taken() == Counter({
            ("checkout", "off", "STATIC"): 3, ("basket", "on", "TARGETING_MATCH"): 2, ("basket", "off", "DEFAULT"): 1,
            ("broken", "", "ERROR"): 3, ("off", "", "DISABLED"): 3,
        })  # fmt: skip
        assert tally.taken() == Counter()

    def test_what_has_not_changed_counts_as_it_was_answered(self, flags: FlagSet) -> None:
        tally = Tally()
        assert not tally.again("1-a")
        tally.add_all([flags.evaluate("checkout", {})], "1-a")
        assert tally.again("1-a")
        assert tally.taken() == {("checkout", "off", "STATIC"): 2}
        assert tally.again("1-a")
        assert tally.taken() == {("checkout", "off", "STATIC"): 1}

    def test_too_many_answers_are_counted_before_they_are_forgotten(
        self, flags: FlagSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.flag_usage.counting._MOST_KEPT", 1)
        tally, answer = Tally(), [flags.evaluate("checkout", {})]
        tally.add_all(answer, "a")
        tally.again("a")
        tally.add_all(answer, "b")
        assert not tally.again("a")
        assert tally.taken() == {("checkout", "off", "STATIC"): 3}


@pytest.mark.req("FL1")
class TestCounts:
    async def test_it_is_written_with_the_flush_on_top_of_what_is_there(
        self, counting: Counting, flags: FlagSet
    ) -> None:
        other = counting.tallies.of(counting.world.tenant.id, DEV)
        for _ in range(2):
            counting.tally.add_all(flags.evaluate_all({}))
            other.add(flags.evaluate("checkout", {}))
            await counting.counts.flush()
        assert await counting.written() == [Times("off", "STATIC", 2)]
        assert await counting.written(environment=DEV) == []  # where no such flag is
        assert counting.tallies.by_reason() == {"STATIC": 4, "DEFAULT": 2, "ERROR": 2, "DISABLED": 2}

    async def test_an_outage_loses_nothing(self, counting: Counting, flags: FlagSet) -> None:
        store = counting.world.store
        assert isinstance(store, MemoryStore)
        counting.tally.add(flags.evaluate("checkout", {}))
        store.down = True
        with pytest.raises(Unavailable):
            await counting.counts.flush()
        await counting.counts.settle()
        counting.tally.add(flags.evaluate("checkout", {}))
        store.down = False
        await counting.counts.settle()
        assert await counting.written() == [Times("off", "STATIC", 2)]

    async def test_the_end_of_the_process_writes_what_is_left_once(
        self, counting: Counting, flags: FlagSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.flag_usage.counting._PAUSE_SECONDS", 0.0)
        following = asyncio.create_task(counting.counts.follow())
        for _ in range(20):
            counting.tally.add(flags.evaluate("checkout", {}))
            await asyncio.sleep(0)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        counting.tally.add(flags.evaluate("checkout", {}))
        await counting.counts.settle()
        assert await counting.written() == [Times("off", "STATIC", 21)]

    async def test_a_tenant_that_is_not_there_holds_up_no_other(self, counting: Counting, flags: FlagSet) -> None:
        counting.tallies.of(uuid4(), PRODUCTION).add(flags.evaluate("checkout", {}))
        counting.tally.add(flags.evaluate("checkout", {}))
        await counting.counts.settle()
        assert await counting.written() == [Times("off", "STATIC", 1)]

    async def test_hours_go_after_ninety_days_and_what_was_given_stays(
        self, counting: Counting, flags: FlagSet
    ) -> None:
        world = counting.world
        counting.tally.add(flags.evaluate("checkout", {}))
        await counting.counts.flush()
        began = world.clock.now
        world.clock.now += KEPT + timedelta(hours=2)
        counting.tally.add(flags.evaluate("basket", {}))
        await counting.counts.flush()
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.flag_usage.times(PRODUCTION, "checkout", began - timedelta(days=1)) == []
            assert [each.first_at for each in (await tx.flag_usage.given(PRODUCTION, ["checkout"]))["checkout"]] == [
                began
            ]


@pytest.mark.req("FL1")
class TestReported:
    async def test_what_applications_report_counts_once(self, counting: Counting) -> None:
        world = counting.world
        sample = TelemetrySample(PRODUCTION, "checkout", "on", world.clock.now + timedelta(days=9), 10, 0, ())
        batch = TelemetryBatch(uuid4(), "b1", (sample,))
        for fresh in (True, False):
            assert await Telemetry(world.store).take(world.ada, batch) is fresh
        assert await counting.written() == [Times("on", "UNKNOWN", 10)]
        async with world.store.transaction(world.tenant.id) as tx:
            heard = await tx.flag_usage.heard(PRODUCTION)
        assert heard is not None
        assert heard.last_at <= world.clock.now
