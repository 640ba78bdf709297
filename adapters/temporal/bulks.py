"""A bulk operation is one workflow: told to look where it runs, and started where it does not."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from adapters.temporal.answers import PATIENCE
from adapters.temporal.closures import MOST_EVENTS
from application.bulks.stand import words_of
from domain.commands.bulk import Bulk
from workflows import search
from workflows.bulk_retry import BulkRequest, BulkRetryWorkflow
from workflows.period_messages import LOOK
from workflows.presets import TASK_TIMEOUT


async def bulk_carried_on(client: Client, task_queue: str, bulk: Bulk, requester: str) -> None:
    """In one call, so that no other can come between."""
    await client.start_workflow(
        BulkRetryWorkflow.run,
        BulkRequest(bulk.tenant, bulk.id, MOST_EVENTS),
        id=bulk.workflow_id,
        task_queue=task_queue,
        start_signal=LOOK,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=words_of(bulk).capitalize(),
        search_attributes=search.about(
            {
                search.TENANT: str(bulk.tenant),
                search.TARGET_KEY: f"command-bulk/{bulk.id}",
                search.STATE: bulk.state.value,
                search.REQUESTER: requester,
            }
        ),
        rpc_timeout=PATIENCE,
    )
