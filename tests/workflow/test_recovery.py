"""Whoever ends a rollout's process from outside does not leave anybody served by half a rollout."""

import asyncio
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from adapters.temporal import processes
from application.recovery import PROCESS_LOST, Recovery
from domain.approvals import Standing
from domain.rollouts import State, Verb
from tests.workflow.theatre import CLASSIC, DIRECT, EXPRESS, PRODUCTION, Theatre, known, plan, seen


def recovery(stage: Theatre) -> Recovery:
    return Recovery(stage.store, stage.processes, pause=0.2)


async def look(stage: Theatre, change: UUID) -> None:
    """Until somebody carries it on, or it has ended; the list of what runs may be a moment behind."""

    async def found() -> bool:
        await recovery(stage).look()
        return await stage.open(change) or (await stage.rollout(change)).terminal

    await seen(found)


async def ended(stage: Theatre, change: UUID, kind: str = "rollout") -> bool:
    return not await stage.open(change, kind)


class TestTerminated:
    @pytest.mark.req("S75", "I8", "FR-CFG-008")
    async def test_while_exposed_it_is_found_and_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.handle(change).terminate("by hand")
        assert (await stage.rollout(change)).state is State.RUNNING
        await look(stage, change)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC
        assert [line.cause for line in await stage.timeline(change)][-2:] == ["process_lost", "process_lost"]

    @pytest.mark.req("S75")
    async def test_while_it_goes_back_it_is_found_and_goes_on(self, stage: Theatre) -> None:
        change = await stage.launch()
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.flags.get(PRODUCTION, "checkout", lock=True)
            await stage.act(stage.house.olu, change, Verb.ABORT)
            await seen(lambda: stage.doing(change, "rollout.restore"))
            await stage.handle(change).terminate("by hand")
            assert (await stage.rollout(change)).state is State.ROLLING_BACK
        await seen(lambda: _terminal(stage, change))
        assert (await stage.rollout(change)).state is State.ROLLED_BACK
        assert await stage.served() == CLASSIC
        assert len([line for line in await stage.timeline(change) if line.to_state is State.ROLLED_BACK]) == 1

    @pytest.mark.req("S75")
    async def test_before_exposure_it_ends_and_frees_the_target(self, stage: Theatre) -> None:
        change = await stage.submit()
        await seen(lambda: known(stage.handle(change, "approval")))
        await stage.handle(change).terminate("by hand")
        await look(stage, change)
        assert (await stage.rollout(change)).state is State.CANCELLED
        assert await stage.standing(change) is Standing.WITHDRAWN
        await seen(lambda: ended(stage, change, "approval"))
        again = await stage.submit()
        assert (await stage.rollout(again)).state is State.AWAITING_APPROVAL

    @pytest.mark.req("S75")
    async def test_second_termination_is_found_like_the_first(self, unmanned: Theatre) -> None:
        async with unmanned.worker():
            change = await unmanned.launch()
        await unmanned.handle(change).terminate("by hand")
        await look(unmanned, change)
        await unmanned.handle(change).terminate("by hand, again")
        async with unmanned.worker():
            await look(unmanned, change)
            assert await unmanned.end(change) is State.ROLLED_BACK
        assert await unmanned.served() == CLASSIC


class TestLeftAlone:
    async def test_what_runs_is_not_touched(self, stage: Theatre) -> None:
        change = await stage.launch()
        await recovery(stage).look()
        assert await stage.open(change)
        assert PROCESS_LOST not in {line.cause for line in await stage.timeline(change)}
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED

    async def test_what_succeeded_is_not_taken_back(self, stage: Theatre) -> None:
        await stage.policy()
        change = await stage.submit(plan=DIRECT)
        assert await stage.end(change) is State.SUCCEEDED
        await recovery(stage).look()
        assert await stage.served() == EXPRESS
        assert (await stage.handle(change).describe()).status is WorkflowExecutionStatus.COMPLETED

    @pytest.mark.req("S75", "S76")
    async def test_two_recoveries_at_once_take_it_back_once(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.handle(change).terminate("by hand")
        await asyncio.gather(*(recovery(stage).look() for _ in range(3)))
        await seen(lambda: _terminal(stage, change))
        lines = await stage.timeline(change)
        assert [line.to_state for line in lines].count(State.ROLLED_BACK) == 1
        async with stage.store.transaction(stage.house.id) as tx:
            versions = await tx.flags.versions(PRODUCTION, "checkout", 1000, 100)
        assert [each.origin.partition(":")[0] for each in versions] == ["rollback_of", "rollout", "test"]


class TestListed:
    @pytest.mark.req("S75")
    async def test_what_runs_is_told_for_many_at_once(self, stage: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "_LISTED", 2)
        await stage.policy()
        await stage.flag("search")
        first, gone = [await stage.submit(key, plan=plan()) for key in ("checkout", "search")]
        strangers = [uuid4() for _ in range(4)]

        async def listed() -> set[UUID]:
            return await stage.processes.running([*strangers, first, gone])

        async def only(*wanted: UUID) -> bool:
            return await listed() == set(wanted)

        await seen(lambda: only(first, gone))
        await stage.handle(gone).terminate("by hand")
        await seen(lambda: only(first))
        assert await stage.processes.running([]) == set()


class TestReset:
    @pytest.mark.req("S75")
    async def test_reset_to_its_beginning_exposes_nothing_twice(self, stage: Theatre) -> None:
        change = await stage.launch()
        handle = stage.handle(change)
        events = (await handle.fetch_history()).events
        first = next(each.event_id for each in events if each.HasField("workflow_task_completed_event_attributes"))
        described = await handle.describe()
        await stage.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=stage.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=described.id, run_id=described.run_id),
                reason="by hand",
                workflow_task_finish_event_id=first,
                request_id=str(change),
            )
        )

        async def settled() -> bool:
            await recovery(stage).look()
            await stage.skip(change, minutes=10)
            return (await stage.rollout(change)).terminal

        await seen(settled)
        rollout = await stage.rollout(change)
        served = await stage.served()
        assert (rollout.state, served) in [(State.SUCCEEDED, EXPRESS), (State.ROLLED_BACK, CLASSIC)]


async def _terminal(stage: Theatre, change: UUID) -> bool:
    await recovery(stage).look()
    return (await stage.rollout(change)).terminal
