"""A rollout outlives its worker and its own history: nothing is skipped, nothing is done twice."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.embedded import temporal
from adapters.embedded.stack import Options, Stack
from adapters.temporal.client import connect, prepare
from domain.gates import Verdict
from domain.instances import Holds, Instance
from domain.rollouts import State, Verb
from tests.workflow.lengths import runs
from tests.workflow.theatre import EXPRESS, PRODUCTION, Clock, Theatre, healthy, known, plan, seen

FEW_EVENTS = 60


class TestWorkerAway:
    @pytest.mark.req("S71")
    async def test_gap_is_judged_once_and_no_stage_is_skipped(self, unmanned: Theatre) -> None:
        stage = unmanned
        stage.metrics._traffic = healthy(per_minute=60_000)
        quick = plan(10, 50, 100, soak=0, check_interval_seconds=1, initial_delay_seconds=1)
        async with stage.worker():
            change = await stage.launch(plan=quick, gates={"min_requests": 100, "min_checks": 4})
        before = await stage.evidence(change)
        await asyncio.sleep(4)
        async with stage.worker():
            await stage.skip(change, minutes=2)
            assert await stage.end(change) is State.SUCCEEDED
        after = await stage.evidence(change)
        assert [check.number for check in after] == list(range(1, len(after) + 1))
        missed = after[len(before)].judged_at - (before[-1].judged_at if before else after[0].judged_at)
        assert not before or missed > timedelta(seconds=2)
        assert [line.percent for line in await stage.timeline(change) if "expose" in line.step] == [10, 50, 100]
        for index in (0, 1):
            assert [check.verdict for check in after if check.stage == index][-1] is Verdict.PASS

    @pytest.mark.req("S71")
    async def test_worker_that_stops_between_all_steps_changes_nothing(self, unmanned: Theatre) -> None:
        stage = unmanned
        async with stage.worker():
            change = await stage.submit()
            await seen(lambda: known(stage.handle(change, "approval")))
        for voter in (stage.house.bob, stage.house.cyd):
            async with stage.worker():
                await stage.approve(change, voter)
        for _ in range(4):
            async with stage.worker():
                await stage.skip(change, minutes=2, seconds=10)
        async with stage.worker():
            await stage.skip(change, minutes=10)
            assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]
        async with stage.store.transaction(stage.house.id) as tx:
            flag = await tx.flags.get((await stage.rollout(change)).environment, "checkout")
        assert flag is not None
        assert (flag.version, flag.definition) == (3, EXPRESS)


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A second Temporal, which suggests a new run after a few events instead of thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(temporal.TUNED, "limit.historyCount.suggestContinueAsNew", str(FEW_EVENTS))
        folder: Path = tmp_path_factory.mktemp("hasty")
        async with Stack(folder, Options(durable=False, time_skipping=True, valkey=False)) as stack:
            client = await connect(stack.endpoints.temporal_address)
            await prepare(client)
            yield client


@pytest_asyncio.fixture
async def hurried(unmanned: Theatre, hasty: Client) -> AsyncIterator[Theatre]:
    theatre = replace(unmanned, client=hasty, clock=Clock(hasty), queue=f"q-{secrets.token_hex(4)}", played=[])
    async with theatre.worker():
        yield theatre


class TestNewRun:
    @pytest.mark.req("S90")
    async def test_long_rollout_goes_on_in_new_runs_and_loses_nothing(self, hurried: Theatre) -> None:
        change = await hurried.launch(10, 50, 100, plan=plan(10, 50, 100, soak=900, bake_seconds=900))
        await hurried.skip(change, hours=2)
        assert await hurried.end(change) is State.SUCCEEDED
        assert await runs(hurried, change) > 3
        assert await hurried.percents(change) == [0, 10, 50, 100]
        evidence = await hurried.evidence(change)
        assert [check.number for check in evidence] == list(range(1, len(evidence) + 1))
        assert len({line.step for line in await hurried.timeline(change)}) == len(await hurried.timeline(change))
        totals = [check.state["checks"] for check in evidence]
        assert totals == sorted(totals)

    @pytest.mark.req("I2")
    async def test_pause_survives_a_new_run_and_so_does_its_end(self, hurried: Theatre) -> None:
        change = await hurried.launch(plan=plan(pause_limit_seconds=3600))
        await hurried.act(hurried.house.olu, change, Verb.PAUSE)
        await hurried.skip(change, minutes=40)
        assert await runs(hurried, change) > 1
        assert (await hurried.rollout(change)).state is State.PAUSED
        await hurried.skip(change, minutes=30)
        assert await hurried.end(change) is State.ROLLED_BACK
        assert (await hurried.rollout(change)).cause == "operator_deadline"

    async def test_operator_is_heard_in_a_new_run(self, hurried: Theatre) -> None:
        change = await hurried.launch(plan=plan(soak=3600, most=7200))
        await hurried.skip(change, minutes=40)
        assert await runs(hurried, change) > 1
        await hurried.act(hurried.house.olu, change, Verb.ABORT)
        assert await hurried.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S81", "S90")
    async def test_place_in_the_queue_survives_a_new_run(self, hurried: Theatre) -> None:
        waits = await hurried.draft()
        holder = await hurried.launch(plan=plan(check_interval_seconds=86_400, pause_limit_seconds=10 * 86_400))
        await hurried.act(hurried.house.olu, holder, Verb.PAUSE)
        await hurried.send(waits)
        await hurried.until(waits, State.QUEUED)
        await hurried.skip(waits, hours=20)
        assert await runs(hurried, waits) > 1
        assert (await hurried.rollout(waits)).state is State.QUEUED
        await hurried.act(hurried.house.ada, waits, Verb.WITHDRAW)
        assert await hurried.end(waits) is State.WITHDRAWN

    @pytest.mark.req("S59", "S90")
    async def test_hold_of_what_has_not_arrived_survives_a_new_run(self, hurried: Theatre) -> None:
        async with hurried.store.transaction(hurried.house.id) as tx:
            await tx.instances.report([Instance(PRODUCTION, "a", Holds(flags=0), tx.now)], most=10)
        change = await hurried.launch(plan=plan(check_interval_seconds=600, converge_limit_seconds=60))
        await hurried.skip(change, minutes=20)
        assert await runs(hurried, change) > 1
        held = await hurried.rollout(change)
        assert (held.state, held.cause) == (State.PAUSED, "not_converged")
        await hurried.act(hurried.house.olu, change, Verb.RESUME, "it is being taken down")
        await hurried.skip(change, minutes=2)
        assert (await hurried.rollout(change)).state is State.RUNNING
