"""Many parked commands are retried in stages on the real Temporal, and a stage that fails is the last."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from adapters.temporal import bulks as starting
from application.bulks.asking import carry_on_waiting_bulk
from application.ports.records import AuditFilter
from domain.approvals import Answer, default_policy
from domain.changes import Kind
from domain.commands.bulk import UNSETTLED, BulkAct, BulkState, ItemOutcome
from domain.commands.operations import Act
from domain.commands.outcomes import Permanent
from domain.environments import Environment
from tests.conftest import House
from tests.workflow.theatre import seen
from tests.workflow.warehouse import QUICK, WHY, Warehouse
from tests.works import SCHEMA, Site
from workflows import search

S = BulkState


def names(many: int) -> list[str]:
    return [f"{number:04}" for number in range(many)]


@pytest_asyncio.fixture
async def warehouse(
    house: House, store: PostgresStore, client: Client, stack: Stack
) -> AsyncIterator[Warehouse]:  # fmt: skip
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    made = Warehouse(Site(house.id, store, owner), house, client, f"q-{secrets.token_hex(4)}")
    yield made
    await owner.close()
    await made.replayed()


class TestCanary:
    @pytest.mark.req("CB-45")
    async def test_unfixed_it_stops_after_one_and_fixed_it_reaches_all_in_stages(self, warehouse: Warehouse) -> None:
        everything = names(1000)
        await warehouse.park(*everything)
        warehouse.site.works.ways[everything[0]] = [Permanent("no-account")]
        async with warehouse.worker():
            bulk = await warehouse.ask()
            stopped = await warehouse.rests(bulk, S.STOPPED)
            assert (stopped.total, len(stopped.ended), stopped.ended[0].verdict.passed) == (1000, 1, False)
            assert await warehouse.outcomes(bulk) == {"failed": 1, "waiting": 999}
            assert await warehouse.stands(*everything) == {("parked", 2): 1, ("parked", 1): 999}
            again = await warehouse.ask()
            done = await warehouse.rests(again, S.DONE)
        assert [(each.retried, each.failed, each.verdict.passed) for each in done.ended] == [
            (1, 0, True), (10, 0, True), (100, 0, True), (889, 0, True),
        ]  # fmt: skip
        assert await warehouse.outcomes(again) == {"done": 1000}
        assert await warehouse.stands(*everything) == {("completed", 3): 1, ("completed", 2): 999}
        assert await warehouse.site.effects() == everything

    @pytest.mark.req("CB-45")
    async def test_what_waits_for_another_attempt_failed_and_a_person_may_overrule_the_gate(
        self, warehouse: Warehouse
    ) -> None:
        await warehouse.park(*names(12))
        warehouse.site.works.ways["0001"] = [RuntimeError("it went wrong")]
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("1", "5", "rest"))
            stopped = await warehouse.rests(bulk, S.STOPPED)
            assert stopped.why == "1 of 5 failed again, 0 of them with the same error; at most 0 may"
            assert await warehouse.outcomes(bulk) == {"done": 5, "retried": 1, "waiting": 6}
            await warehouse.act(bulk, BulkAct.RESUME)
            await seen(lambda: _let(warehouse, "0001"))
            done = await warehouse.rests(bulk, S.DONE)
        assert [each.retried for each in done.ended] == [1, 5, 6]
        assert await warehouse.outcomes(bulk) == {"done": 12}

    async def test_what_comes_nowhere_in_time_stops_it_and_is_waited_for_again(self, warehouse: Warehouse) -> None:
        await warehouse.park("1", type="works.call")
        await warehouse.park("2")
        held = asyncio.Event()

        async def wait() -> None:
            await held.wait()

        warehouse.site.works.ways["1"] = [wait]
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("1",), pace=replace(QUICK, settle_seconds=1))
            stopped = await warehouse.rests(bulk, S.STOPPED)
            assert (stopped.why, await warehouse.outcomes(bulk)) == (UNSETTLED, {"retried": 1, "waiting": 1})
            held.set()
            await warehouse.act(bulk, BulkAct.RESUME)
            await warehouse.rests(bulk, S.DONE)
        assert await warehouse.outcomes(bulk) == {"done": 2}


async def _let(warehouse: Warehouse, command: str) -> bool:
    """Its next attempt is due now."""
    await warehouse.site.let_pass(timedelta(minutes=1))
    return (await warehouse.site.stand(command)).over


class TestPeople:
    @pytest.mark.req("CB-46")
    async def test_paused_aborted_midway_each_command_is_told_and_what_came_later_is_untouched(
        self, warehouse: Warehouse
    ) -> None:
        await warehouse.park(*names(30))
        warehouse.site.works.ways["0003"] = [Permanent("no-account")]
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("10", "rest"), pace=replace(QUICK, per_second=4, most_failed=0.5))
            await warehouse.until(bulk, lambda it: it.acted >= 4)
            paused = await warehouse.act(bulk, BulkAct.PAUSE)
            assert (paused.state, paused.version) == (S.PAUSED, 2)
            touched = 30 - (await warehouse.outcomes(bulk))["waiting"]
            assert 4 <= touched < 30
            await warehouse.none_goes_on(*names(30))
            await warehouse.park("later")
            await warehouse.act(bulk, BulkAct.RESUME)
            await warehouse.until(bulk, lambda it: it.acted > touched or it.stage)
            await warehouse.act(bulk, BulkAct.ABORT)
            await warehouse.rests(bulk, S.ABORTED)
        items = await warehouse.items(bulk)
        waiting = [each for each in items if each.outcome is ItemOutcome.WAITING]
        failed = [each for each in items if each.outcome is ItemOutcome.FAILED]
        assert [(each.key[1], each.why, each.state) for each in failed] == [("0003", "no-account", "parked")]
        assert {each.outcome for each in items} == {ItemOutcome.WAITING, ItemOutcome.FAILED, ItemOutcome.DONE}
        for each in items:
            wanted = {ItemOutcome.WAITING: ("parked", 1), ItemOutcome.DONE: ("completed", 2)}
            assert await warehouse.stands(each.key[1]) == {wanted.get(each.outcome, ("parked", 2)): 1}
        assert waiting
        assert await warehouse.stands("later") == {("parked", 1): 1}

    @pytest.mark.req("CB-46")
    async def test_what_somebody_else_decided_meanwhile_is_left_alone(self, warehouse: Warehouse) -> None:
        await warehouse.park(*names(4))
        bulk = await warehouse.ask(stages=("rest",))
        async with warehouse.store.transaction(warehouse.site.tenant) as tx:
            await tx.commands.save([(await warehouse.site.stand("0000")).canceled(tx.now)])
            parked = await tx.commands.parked.get(("works", "0001"))
            assert parked is not None
            await tx.commands.parked.note(parked)
        async with warehouse.worker():
            done = await warehouse.rests(bulk, S.DONE)
        assert [(each.key[1], each.why) for each in await warehouse.items(bulk, ItemOutcome.SKIPPED)] == [
            ("0000", "not-parked"), ("0001", "changed"),
        ]  # fmt: skip
        assert (await warehouse.outcomes(bulk), done.ended[0].retried) == ({"skipped": 2, "done": 2}, 2)
        assert await warehouse.stands(*names(4)) == {("canceled", 1): 1, ("parked", 1): 1, ("completed", 2): 2}

    @pytest.mark.req("CB-46")
    async def test_many_are_canceled_at_once(self, warehouse: Warehouse) -> None:
        await warehouse.park(*names(3))
        async with warehouse.worker():
            bulk = await warehouse.ask(act=Act.CANCEL)
            await warehouse.rests(bulk, S.DONE)
        assert await warehouse.outcomes(bulk) == {"done": 3}
        assert await warehouse.stands(*names(3)) == {("canceled", 1): 3}

    async def test_each_command_and_each_stage_stands_in_the_trail(self, warehouse: Warehouse) -> None:
        await warehouse.park("1", "2")
        async with warehouse.worker():
            bulk = await warehouse.ask()
            await warehouse.rests(bulk, S.DONE)
        assert (await warehouse.site.trail("1"))[:1] == ["retried"]
        async with warehouse.store.transaction(warehouse.site.tenant) as tx:
            one = await tx.audit.page(AuditFilter(resource_type="command", resource="works/2"), None, 10)
            whole = await tx.audit.page(AuditFilter(resource_type="command_bulk", resource=str(bulk.id)), None, 10)
        entry = next(each.event for each in one if each.event["action"] == "command:parked:retried")
        assert (entry["actor"], entry["reason"]) == (str(warehouse.house.root.id), WHY)
        assert (entry["after"]["bulk"], entry["after"]["stage"]) == (str(bulk.id), 2)
        assert [row.event["action"].rpartition(":")[2] for row in reversed(whole)] == ["asked", "moved", "moved"]


class TestAnother:
    async def _policy(self, warehouse: Warehouse) -> None:
        async with warehouse.store.transaction(warehouse.site.tenant) as tx:
            policy = default_policy(Environment.PRODUCTION, Kind.COMMAND_REPAIR)
            await tx.policies.put(Environment.PRODUCTION, Kind.COMMAND_REPAIR, policy)

    async def test_a_large_one_begins_once_another_person_has_said_yes(self, warehouse: Warehouse) -> None:
        await self._policy(warehouse)
        await warehouse.park(*names(51))
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("rest",))
            assert bulk.state is S.AWAITING_APPROVAL
            assert await warehouse.outcomes(bulk) == {"waiting": 51}
            await warehouse.vote(bulk, warehouse.house.olu)
            await warehouse.rests(bulk, S.DONE)
        assert await warehouse.outcomes(bulk) == {"done": 51}

    async def test_refused_or_called_off_it_touches_nothing(self, warehouse: Warehouse) -> None:
        await self._policy(warehouse)
        await warehouse.park(*names(51))
        async with warehouse.worker():
            refused = await warehouse.ask()
            await warehouse.vote(refused, warehouse.house.olu, Answer.REJECT)
            over = await warehouse.rests(refused, S.REFUSED)
            called_off = await warehouse.ask()
            await warehouse.act(called_off, BulkAct.ABORT)
            await warehouse.rests(called_off, S.ABORTED)
        assert over.why == "rejected"
        assert await warehouse.outcomes(refused) == await warehouse.outcomes(called_off) == {"waiting": 51}

    async def test_a_small_one_and_one_where_nobody_is_named_begin_at_once(self, warehouse: Warehouse) -> None:
        await warehouse.park(*names(51))
        assert (await warehouse.ask()).state is S.RUNNING
        await self._policy(warehouse)
        await warehouse.park("small")
        assert (await warehouse.ask()).state is S.AWAITING_APPROVAL


class TestLost:
    @pytest.mark.req("CB-47")
    async def test_it_is_found_again_and_goes_on_where_it_stood(self, warehouse: Warehouse) -> None:
        await warehouse.park(*names(8))
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("3", "rest"), pace=replace(QUICK, per_second=2))
            await warehouse.until(bulk, lambda it: it.acted >= 1)
            await warehouse.handle(bulk).terminate()
            await carry_on_waiting_bulk(warehouse.store, warehouse.processes, bulk.tenant, bulk.id)
            await warehouse.rests(bulk, S.DONE)
        assert await warehouse.stands(*names(8)) == {("completed", 2): 8}
        assert sorted(warehouse.site.works.calls) == [f"works/{each}:2" for each in names(8)]

    async def test_long_it_goes_on_in_a_new_run(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:  # fmt: skip
        monkeypatch.setattr(starting, "MOST_EVENTS", 20)
        await warehouse.park(*names(6))
        async with warehouse.worker():
            bulk = await warehouse.ask(stages=("1", "2", "rest"))
            first = (await warehouse.handle(bulk).describe()).run_id
            await warehouse.rests(bulk, S.DONE)
            told = await warehouse.handle(bulk).describe()
        assert told.run_id != first
        assert told.typed_search_attributes.get(search.STATE) == "done"
        assert await warehouse.outcomes(bulk) == {"done": 6}

    async def test_its_history_holds_ids_and_counts_alone(self, warehouse: Warehouse) -> None:
        await warehouse.park("secret-id")
        async with warehouse.worker():
            bulk = await warehouse.ask()
            await warehouse.rests(bulk, S.DONE)
        told = (await warehouse.handle(bulk).fetch_history()).to_json()
        assert str(bulk.id) in told
        assert "secret-id" not in told
        assert WHY not in told
