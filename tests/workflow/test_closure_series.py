"""Closes of many: one after the other or side by side, none begun after a failure, and none closed twice."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from adapters.postgres.store import PostgresStore
from adapters.temporal import series as starting
from application.closure_series.asking import CloseWish
from application.closures.starting import start_waiting_closure
from domain.approvals import Answer
from domain.closures import Act, EarliestOpen, RunState
from domain.closures.series import MemberState, SeriesState
from domain.periods import Posting, Status
from tests.conftest import House
from tests.workflow.group import PERIOD, Group
from tests.workflow.office import AP, WHY, Office
from tests.workflow.theatre import seen
from workflows import search

JANUARY, FEBRUARY, MARCH = ("kit/2025-01", "kit/2025-02", "kit/2025-03")


@pytest_asyncio.fixture
async def unmanned(house: House, store: PostgresStore, client: Client) -> AsyncIterator[Group]:
    """Kit has three open months, the general ledger closes in order."""
    group = Group(Office(house, store, client, f"q-{secrets.token_hex(4)}"))
    await group.office.settle_in(most=3)
    yield group
    await group.replayed()
    await group.office.replayed()


@pytest_asyncio.fixture
async def group(unmanned: Group) -> AsyncIterator[Group]:
    async with unmanned.office.worker():
        yield unmanned


@pytest.mark.req("FP46")
class TestGapless:
    async def test_three_months_close_in_their_order_by_one_request(self, group: Group) -> None:
        with pytest.raises(EarliestOpen) as refused:
            await group.office.start("2025-03")
        assert refused.value.facts["earliest_open"] == "2025-01"
        series = await group.months("2025-03")
        assert [each.key for each in series.members] == [JANUARY, FEBRUARY, MARCH]
        closed = []
        for key in (JANUARY, FEBRUARY, MARCH):
            waiting = await group.run(series, key)
            assert await group.parent(waiting) == series.workflow_id
            await start_waiting_closure(group.office.store, group.office.processes, waiting.tenant, waiting.id)
            closed.append(await group.close(series, key))
        await group.rests(series, SeriesState.CLOSED)
        moments = [each.closed_at for each in closed if each.closed_at is not None]
        assert moments == sorted(moments)
        for month in ("2025-01", "2025-02", "2025-03"):
            assert (await group.office.gates(month))["GL"].status is Status.CLOSED

    async def test_the_first_that_fails_stops_it_and_the_rest_goes_on_when_it_is_resumed(self, group: Group) -> None:
        series = await group.months("2025-03")
        await group.close(series, JANUARY)
        rejected = await group.close(series, FEBRUARY, Answer.REJECT)
        stopped = await group.rests(series, SeriesState.STOPPED)
        assert (stopped.why, await group.states(series)) == (
            f"{FEBRUARY}: rejected", ["closed", "failed", "waiting"],
        )  # fmt: skip
        gates = [(await group.office.gates(month))["GL"] for month in ("2025-01", "2025-02", "2025-03")]
        assert [gate.status for gate in gates] == [Status.CLOSED, Status.OPEN, Status.OPEN]
        assert stopped.member(MARCH) == series.member(MARCH)
        await group.office.series.ending.resume(group.office.house.root, series.id, WHY)
        again = await group.run(series, FEBRUARY, but=rejected.id)
        assert again.attempt == 2
        for key in (FEBRUARY, MARCH):
            await group.close(series, key)
        await group.rests(series, SeriesState.CLOSED)


class TestGroup:
    async def test_side_by_side_and_the_parent_after_them_where_one_has_something_in_the_way(
        self, group: Group
    ) -> None:
        office, root = group.office, group.office.house.root
        await group.join("sub", "holding")
        await office.template(office.task("cut-off"))
        series = await group.ask(
            CloseWish("holding", PERIOD, after=(JANUARY, "sub/2025-01")),
            CloseWish("kit", PERIOD),
            CloseWish("sub", PERIOD, scopes=("GL",), template="monthly"),
        )
        sub = await group.run(series, "sub/2025-01")
        await group.run(series, JANUARY)
        await office.until(sub, RunState.TASKS)
        await office.periods.scopes.put(root, AP, expected=0, reason=WHY)
        await group.open("sub", PERIOD, "AP")
        await office.act(office.house.ada, sub, Act.COMPLETE_TASK, "cut-off")
        await office.until(sub, RunState.REMEDIATING)
        await group.close(series, JANUARY)
        await group.until(series, lambda now: now.member(JANUARY).state is MemberState.CLOSED)
        assert (await group.members(series))["holding/2025-01"].run is None
        await office.act(root, sub, Act.ABORT)
        await group.rests(series, SeriesState.STOPPED)
        assert await group.states(series) == ["waiting", "closed", "failed"]

    async def test_what_goes_on_already_is_joined_and_what_is_closed_left_out(self, group: Group) -> None:
        await group.join("sub", "at")
        first = await group.office.start("2025-01")
        done = await group.ask(CloseWish("at", PERIOD))
        await group.close(done, "at/2025-01")
        series = await group.ask(*(CloseWish(entity, PERIOD) for entity in ("kit", "sub", "at")))
        joined = await group.run(series, JANUARY)
        assert (joined.id, await group.parent(joined)) == (first.id, None)
        await group.close(series, "sub/2025-01")
        await group.close(series, JANUARY)
        await group.carried_on(series)
        ended = await group.rests(series, SeriesState.CLOSED)
        assert [(each.joined, each.why) for each in ended.members] == [
            (True, "joined"), (False, ""), (True, "closed_before"),
        ]  # fmt: skip

    async def test_another_close_than_the_one_that_goes_on_is_refused_and_said_so(self, group: Group) -> None:
        await group.office.start("2025-01")
        series = await group.ask(CloseWish("kit", PERIOD, template=None, scopes=("GL",)), CloseWish("kit", "2025-03"))
        ended = await group.until(series, lambda now: now.members[1].state is MemberState.FAILED)
        assert [(each.joined, each.why) for each in ended.members] == [(True, "joined"), (False, "earliest_open")]

    async def test_whoever_opens_its_workflow_sees_where_each_close_stands(self, group: Group) -> None:
        series = await group.months("2025-02")
        await group.run(series, JANUARY)

        async def shown() -> bool:
            told = await (await group.handle(series).describe()).static_summary()
            found = await group.handle(series).query("status")
            return told == "Series of 2 closes" and len(found["members"]) == 2

        assert await seen(shown)
        attributes = (await group.handle(series).describe()).typed_search_attributes
        assert (attributes.get(search.ENTITY), attributes.get(search.PERIOD)) == ("kit", None)
        assert attributes.get(search.STATE) == "RUNNING"


class TestAborted:
    async def test_what_it_began_ends_and_what_it_joined_goes_on(self, group: Group) -> None:
        office, root = group.office, group.office.house.root
        await group.join("sub", "at")
        other = await office.start("2025-01")
        series = await group.ask(*(CloseWish(entity, PERIOD) for entity in ("kit", "sub", "at")), at_once=2)
        await group.run(series, JANUARY)
        sub = await group.run(series, "sub/2025-01")
        await office.asked(sub)
        await office.series.ending.abort(root, series.id, "the wrong month")
        await group.rests(series, SeriesState.ABORTED)
        line = (await office.view(sub)).timeline[-1]
        assert (line.to_state, line.cause, line.actor, line.reason) == (
            RunState.ABORTED, "series_aborted", root.id, "the wrong month",
        )  # fmt: skip
        assert (await office.handle(sub).result())["state"] == "ABORTED"
        assert (await group.members(series))["at/2025-01"].run is None
        assert (await office.view(other)).run.state is not RunState.ABORTED
        await office.vote(other, office.house.bob, office.house.cyd)
        assert await office.end(other) is RunState.CLOSED

    async def test_what_only_waits_for_others_is_over_at_once(self, group: Group) -> None:
        await group.office.start("2025-01")
        series = await group.ask(CloseWish("kit", PERIOD), CloseWish("kit", "2025-02", after=(JANUARY,)))
        await group.run(series, JANUARY)
        await group.office.series.ending.abort(group.office.house.root, series.id, WHY)
        await group.rests(series, SeriesState.ABORTED)
        assert (await group.handle(series).describe()).typed_search_attributes.get(search.STATE) == "ABORTED"

    async def test_cancelled_from_outside_it_takes_back_what_it_began(self, group: Group) -> None:
        series = await group.months("2025-02")
        await group.office.asked(await group.run(series, JANUARY))
        await group.handle(series).cancel()
        with pytest.raises(WorkflowFailureError):
            await group.handle(series).result()
        ended = await group.series(series)
        assert (ended.state, ended.why) == (SeriesState.ABORTED, "workflow_cancelled")
        gate = (await group.office.gates("2025-01"))["GL"]
        assert (gate.status, gate.posting) == (Status.OPEN, Posting.ALL)


class TestLost:
    async def test_terminated_its_closes_go_on_and_it_is_taken_up_without_closing_twice(self, group: Group) -> None:
        series = await group.months("2025-02")
        first = await group.run(series, JANUARY)
        await group.office.asked(first)
        await group.handle(series).terminate()
        await group.office.vote(first, group.office.house.bob, group.office.house.cyd)
        assert await group.office.end(first) is RunState.CLOSED
        await group.carried_on(series)
        assert (await group.members(series))[JANUARY].run == first.id
        await group.close(series, FEBRUARY)
        await group.rests(series, SeriesState.CLOSED)
        runs = await group.office.cases.looking.page(group.office.house.root, "kit", None, 10)
        assert [each.period_code for each in runs] == ["2025-02", "2025-01"]

    async def test_a_long_one_goes_on_in_a_new_run_that_hears_of_closes_of_the_last(
        self, group: Group, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(starting, "MOST_EVENTS", 12)
        series = await group.months("2025-02")
        first = (await group.handle(series).describe()).run_id
        for key in (JANUARY, FEBRUARY):
            await group.close(series, key)
            await group.swept(series, lambda now, key=key: now.member(key).state is MemberState.CLOSED)
        await group.rests(series, SeriesState.CLOSED)
        assert (await group.handle(series).describe()).run_id != first

    async def test_a_close_of_it_that_lost_its_process_is_waited_for_all_the_same(self, group: Group) -> None:
        office = group.office
        await office.template(office.task("cut-off"))
        series = await group.ask(
            CloseWish("kit", PERIOD, template="monthly"), CloseWish("kit", "2025-02", after=(JANUARY,))
        )
        first = await group.run(series, JANUARY)
        await office.until(first, RunState.TASKS)
        await office.handle(first).terminate()
        await office.act(office.house.ada, first, Act.COMPLETE_TASK, "cut-off")
        assert await group.parent(first) is None
        await office.vote(first, office.house.bob, office.house.cyd)
        await group.swept(series, lambda now: now.member(JANUARY).state is MemberState.CLOSED)
        await group.close(series, FEBRUARY)
        await group.rests(series, SeriesState.CLOSED)

    async def test_another_worker_takes_over(self, unmanned: Group) -> None:
        series = await unmanned.months("2025-02")
        async with unmanned.office.worker():
            await unmanned.office.asked(await unmanned.run(series, JANUARY))
        assert (await unmanned.handle(series).describe()).status is WorkflowExecutionStatus.RUNNING
        async with unmanned.office.worker():
            await unmanned.close(series, JANUARY)
            await unmanned.close(series, FEBRUARY)
            await unmanned.rests(series, SeriesState.CLOSED)
