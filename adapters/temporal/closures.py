"""The close of a period is one workflow, named after what it closes: another waits for its end; so is a reopening."""

from contextlib import suppress
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from adapters.temporal.answers import PATIENCE
from adapters.temporal.client import TemporalUnavailable
from domain.closures import ClosureRun, Reopening
from workflows import search
from workflows.period_closure import PeriodClosureWorkflow
from workflows.period_messages import ClosureRequest, ReopenRequest
from workflows.period_reopening import PeriodReopenWorkflow
from workflows.presets import TASK_TIMEOUT

MOST_EVENTS = 2000


async def started_closure(client: Client, task_queue: str, run: ClosureRun, requester: str) -> None:
    """The memo says which attempt it is; TemporalUnavailable while an older one has that name."""
    request = ClosureRequest(
        run.tenant, run.id, run.entity, run.period_code, run.mode, run.attempt, most_events=MOST_EVENTS
    )
    words = f"{run.entity} {run.period_code}"
    try:
        await client.start_workflow(
            PeriodClosureWorkflow.run,
            request,
            id=run.workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Close of {words}, attempt {run.attempt}",
            memo={search.RUN: str(run.id)},
            search_attributes=search.of_close(run.tenant, (run.entity, run.period_code), run.state.value, requester),
            rpc_timeout=PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        if not await _runs(client, run.workflow_id, run.id):
            raise TemporalUnavailable from None


async def started_reopening(client: Client, task_queue: str, reopening: Reopening, requester: str) -> None:
    """Each has a name of its own; one that runs is left alone."""
    words = f"{reopening.entity} {reopening.period_code}"
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            PeriodReopenWorkflow.run,
            ReopenRequest(reopening.tenant, reopening.id, reopening.entity, reopening.period_code),
            id=reopening.workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Reopening of {words}",
            search_attributes=search.about(
                {
                    search.TENANT: str(reopening.tenant),
                    search.ENTITY: reopening.entity,
                    search.PERIOD: reopening.period_code,
                    search.TARGET_KEY: f"{reopening.entity}/{reopening.period_code}",
                    search.STATE: reopening.state.value,
                    search.REQUESTER: requester,
                }
            ),
            rpc_timeout=PATIENCE,
        )


async def _runs(client: Client, workflow_id: str, run: UUID) -> bool:
    """Whether what has this name is this very run."""
    there = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=PATIENCE)
    return there.status is WorkflowExecutionStatus.RUNNING and await there.memo_value(search.RUN, None) == str(run)
