"""What the core asks of workflows becomes starts, updates and signals; a workflow's refusal comes back as its own."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.answers import PATIENCE, answered
from adapters.temporal.bulks import bulk_carried_on
from adapters.temporal.client import TASK_QUEUE, ClientSource, TemporalUnavailable, ping
from adapters.temporal.closures import started_closure, started_reopening
from adapters.temporal.command_runs import asked_outcome
from adapters.temporal.imports import started_import
from adapters.temporal.repairs import started_repair
from adapters.temporal.series import carried_on
from application.ports.imports import ImportRecord
from domain.approvals import Answer, Approval, ApprovalClosed
from domain.closures import Act, ClosureRun, Reopening, RunOver
from domain.closures.series import Series
from domain.commands import CommandRecord
from domain.commands.bulk import Bulk
from domain.commands.repairs import Repair
from domain.errors import Fault, Invalid, Refusal
from domain.rollouts import AlreadyTerminal, Progress, Rollout, Verb
from workflows import search
from workflows.approval import CLOSED, ApprovalRequest, VoteProof
from workflows.configuration_import import ImportRequest
from workflows.messages import Proof, Resumed, RolloutRequest
from workflows.operated import KILLED
from workflows.period_messages import LOOK, ClosureProof
from workflows.presets import TASK_TIMEOUT
from workflows.rollout import FeatureRolloutWorkflow

MOST_EVENTS = 2000
"""Of one run; replaying it is what a worker does that takes it over."""
_LISTED = 100
"""Names in one question. Its page has room for one more, for a full one would be followed by an empty one."""
_SOON = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses in seconds while a workflow that was just started, or started again, appears."""


class TemporalProcesses:
    def __init__(self, reach: ClientSource, task_queue: str = TASK_QUEUE, *, long_workflows: bool = True) -> None:
        """Without `long_workflows` long commands have none that could tell their end."""
        self._reach = reach
        self._queue = task_queue
        self._long_workflows = long_workflows

    async def start_rollout(self, rollout: Rollout, approval: Approval, requester: str) -> None:
        await self._start(rollout, _request(rollout, approval), requester, WorkflowIDReusePolicy.REJECT_DUPLICATE)

    async def take_back(self, rollout: Rollout, approval: Approval, requester: str, *, steps: int, cause: str) -> None:
        now = datetime.now(UTC)
        kept = Resumed(rollout.state, Progress(rollout.stage or 0, now), now, 0, steps, back=cause)
        request = replace(_request(rollout, approval), resumed=kept)
        await self._start(rollout, request, requester, WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _start(
        self, rollout: Rollout, request: RolloutRequest, requester: str, again: WorkflowIDReusePolicy
    ) -> None:
        async with answered():
            try:
                client = await self._reach()
                await client.start_workflow(
                    FeatureRolloutWorkflow.run,
                    request,
                    id=rollout.workflow_id,
                    task_queue=self._queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=again,
                    task_timeout=TASK_TIMEOUT,
                    static_summary=f"Rollout of {request.approval.title}",
                    search_attributes=search.of_rollout(
                        {
                            search.TENANT: str(rollout.tenant),
                            search.ENVIRONMENT: rollout.environment.value,
                            search.TARGET_KEY: rollout.key,
                            search.STATE: rollout.state.value,
                            search.REQUESTER: requester,
                            search.STRATEGY: rollout.plan.strategy.value,
                        },
                        rollout.plan.apply_at,
                    ),
                    rpc_timeout=PATIENCE,
                )
            except WorkflowAlreadyStartedError:
                return  # it ran and ended: starting again what was started changes nothing

    async def start_import(self, tenant: UUID, record: ImportRecord, requester: str) -> None:
        async with answered():
            await started_import(await self._reach(), self._queue, ImportRequest(tenant, record.id), record, requester)

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        async with answered():
            await started_closure(await self._reach(), self._queue, run, requester)

    async def closure_act(self, run: ClosureRun, act: Act, actor: UUID, assertion: str, task: str | None) -> None:
        await self._update(run.workflow_id, act.value, ClosureProof(assertion, run.id, actor, task), RunOver)

    async def closure_told(self, run: ClosureRun, what: str, missing: int | None = None) -> None:
        await self._signal(run.workflow_id, what, *([] if missing is None else [missing]))

    async def start_reopening(self, reopening: Reopening, requester: str) -> None:
        async with answered():
            await started_reopening(await self._reach(), self._queue, reopening, requester)

    async def reopening_told(self, reopening: Reopening) -> None:
        await self._signal(reopening.workflow_id, LOOK)

    async def carry_on_series(self, series: Series, requester: str) -> None:
        async with answered():
            await carried_on(await self._reach(), self._queue, series, requester)

    async def start_command_repair(self, repair: Repair, requester: str) -> None:
        async with answered():
            await started_repair(await self._reach(), self._queue, repair, requester)

    async def carry_on_bulk(self, bulk: Bulk, requester: str) -> None:
        async with answered():
            await bulk_carried_on(await self._reach(), self._queue, bulk, requester)

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None:
        await self._update(f"approval/{approval}", answer.value, VoteProof(assertion, voter), ApprovalClosed)

    async def withdraw_vote(self, approval: UUID, assertion: str) -> None:
        await self._update(f"approval/{approval}", "withdraw_vote", VoteProof(assertion), ApprovalClosed)

    async def control(self, rollout: UUID, verb: Verb, assertion: str) -> None:
        await self._update(f"rollout/{rollout}", verb.value, Proof(assertion), AlreadyTerminal)

    async def alive(self, rollout: UUID) -> bool:
        return await self._status(f"rollout/{rollout}") is WorkflowExecutionStatus.RUNNING

    async def running(self, rollouts: Collection[UUID]) -> set[UUID]:
        """Asks as often as there are hundreds of them, however many others run."""
        found = await self._listed([f"rollout/{each}" for each in rollouts])
        return {UUID(each.removeprefix("rollout/")) for each in found}

    async def gone(self, workflows: Collection[str]) -> set[str]:
        listed = await self._listed(list(workflows))
        missing = [each for each in workflows if each not in listed]
        return {each for each in missing if await self._status(each) is not WorkflowExecutionStatus.RUNNING}

    async def _listed(self, names: list[str]) -> set[str]:
        """Those that run."""
        found = set()
        for first in range(0, len(names), _LISTED):
            wanted = ", ".join(f"'{each}'" for each in names[first : first + _LISTED])
            query = f"ExecutionStatus = 'Running' AND WorkflowId IN ({wanted})"
            async with answered():
                client = await self._reach()
                async for each in client.list_workflows(query, page_size=_LISTED + 1, rpc_timeout=PATIENCE):
                    found.add(each.id)
        return found

    async def killed(self, rollout: UUID) -> None:
        await self._signal(f"rollout/{rollout}", KILLED)

    async def turn(self, rollout: UUID) -> None:
        await self._signal(f"rollout/{rollout}", "turn")

    async def urgent(self, rollout: UUID) -> None:
        await self._signal(f"rollout/{rollout}", "urgent")

    async def superseded(self, rollout: UUID) -> None:
        await self._signal(f"rollout/{rollout}", "superseded")

    async def closed(self, approval: UUID) -> None:
        await self._signal(f"approval/{approval}", CLOSED)

    async def _signal(self, workflow_id: str, name: str, *told: object) -> None:
        """What has ended needs to hear nothing."""
        async with answered():
            handle = (await self._reach()).get_workflow_handle(workflow_id)
            try:
                await handle.signal(name, args=told, rpc_timeout=PATIENCE)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def command_outcome(self, record: CommandRecord, seconds: float) -> None:
        if not self._long_workflows:
            return
        async with answered():
            try:
                await asked_outcome(await self._reach(), record, seconds)
            except WorkflowUpdateFailedError as error:
                raise refusal_of(error) from error

    async def ping(self) -> None:
        async with answered():
            await ping(await self._reach())

    async def _update(self, workflow_id: str, name: str, proof: Any, ended: type[Refusal]) -> None:
        """The database has said that the process is open: when Temporal does not know it yet, it soon will."""
        for pause in (*_SOON, None):
            async with answered():
                handle = (await self._reach()).get_workflow_handle(workflow_id)
                try:
                    await handle.execute_update(name, proof, rpc_timeout=PATIENCE)
                except WorkflowUpdateFailedError as error:
                    raise refusal_of(error) from error
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:
                        raise
                else:
                    return
            if pause is not None:
                await asyncio.sleep(pause)
        raise ended if await self._ended(workflow_id) else TemporalUnavailable

    async def _ended(self, workflow_id: str) -> bool:
        """False for one that has only just appeared, or has not yet."""
        return await self._status(workflow_id) not in {WorkflowExecutionStatus.RUNNING, None}

    async def _status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        """Of its latest run; None for one that Temporal does not know."""
        async with answered():
            try:
                client = await self._reach()
                return (await client.get_workflow_handle(workflow_id).describe(rpc_timeout=PATIENCE)).status
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise


def _request(rollout: Rollout, approval: Approval) -> RolloutRequest:
    title = f"{rollout.kind.value} {rollout.key} in {rollout.environment.value}"
    return RolloutRequest(
        rollout.tenant,
        rollout.id,
        rollout.environment,
        rollout.key,
        rollout.plan,
        ApprovalRequest(rollout.tenant, approval.id, approval.digest, approval.authors, approval.policy, title),
        watched=rollout.watched,
        emergency=rollout.emergency is not None,
        most_events=MOST_EVENTS,
    )


def refusal_of(error: WorkflowUpdateFailedError) -> Refusal | BaseException:
    """The refusal whose kind the failure names; the failure itself when it names none, for that is a defect."""
    cause: BaseException | None = error.cause
    while isinstance(cause, FailureError) and not isinstance(cause, ApplicationError):
        cause = cause.cause
    kind = cause.type if isinstance(cause, ApplicationError) else None
    found = next((refusal for refusal in _refusals(Refusal) if refusal.kind == kind), None)
    if found is None or not isinstance(cause, ApplicationError):
        return error
    details = cause.details[0] if cause.details else {}
    if issubclass(found, Invalid):
        return _invalid(found, [Fault(*each) for each in details.get("faults", [])])
    return found(**details.get("facts", {}))


def _invalid(kind: type[Invalid], faults: list[Fault]) -> Refusal:
    return kind() if kind.__init__ is not Invalid.__init__ else kind(faults)  # type: ignore[call-arg]  # its own faults


def _refusals(base: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in base.__subclasses__():
        yield each
        yield from _refusals(each)
