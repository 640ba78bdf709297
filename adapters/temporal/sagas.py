"""The workflow of a process is named after it: told to look where it runs, and started where it does not."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.worker import Worker

from activities.sagas import SagaActivities
from adapters.temporal.answers import PATIENCE, answered
from adapters.temporal.client import ClientSource, ping
from adapters.temporal.worker import sandbox
from domain.sagas import Saga
from workflows import search
from workflows.period_messages import LOOK
from workflows.presets import TASK_TIMEOUT
from workflows.saga import SagaRequest, SagaWorkflow

MOST_EVENTS = 2000


class TemporalSagas:
    def __init__(self, reach: ClientSource, prefix: str = "processes", most_events: int = MOST_EVENTS) -> None:
        """`prefix` begins the names of the queues."""
        self._reach = reach
        self._prefix = prefix
        self._most = most_events

    def queue(self, domain: str) -> str:
        return f"{self._prefix}-{domain}"

    async def carry_on(self, saga: Saga, requester: str) -> None:
        """In one call, so that no other can come between."""
        async with answered():
            client = await self._reach()
            await client.start_workflow(
                SagaWorkflow.run,
                SagaRequest(saga.tenant, saga.type, saga.id, self._most),
                id=saga.workflow_id,
                task_queue=self.queue(saga.domain),
                start_signal=LOOK,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                static_summary=f"Process {saga.type} {saga.id}",
                search_attributes=search.about(
                    {
                        search.TENANT: str(saga.tenant),
                        search.TARGET_KEY: f"{saga.type}/{saga.id}",
                        search.STATE: saga.state.value,
                        search.REQUESTER: requester,
                    }
                ),
                rpc_timeout=PATIENCE,
            )

    async def ping(self) -> None:
        async with answered():
            await ping(await self._reach())


def saga_worker(client: Client, activities: SagaActivities, queue: str) -> Worker:
    """Serves the processes of one domain."""
    effects = (activities.plan, activities.look, activities.send, activities.undo, activities.turn)
    return Worker(
        client,
        task_queue=queue,
        workflows=[SagaWorkflow],
        activities=effects,
        workflow_runner=sandbox(),
        max_cached_workflows=500,
        graceful_shutdown_timeout=timedelta(seconds=20),
    )
