"""An import is started once, under the name of its row, and shows in the Temporal UI whose it is and how it stands."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from adapters.temporal.answers import PATIENCE
from application.ports.imports import ImportRecord
from workflows import search
from workflows.configuration_import import ConfigurationImportWorkflow, ImportRequest
from workflows.presets import TASK_TIMEOUT


async def started_import(
    client: Client, task_queue: str, request: ImportRequest, record: ImportRecord, requester: str
) -> None:
    try:
        await client.start_workflow(
            ConfigurationImportWorkflow.run,
            request,
            id=record.workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Import of a bundle into {record.environment.value}",
            search_attributes=search.about(
                {
                    search.TENANT: str(request.tenant),
                    search.ENVIRONMENT: record.environment.value,
                    search.STATE: record.state.value,
                    search.REQUESTER: requester,
                }
            ),
            rpc_timeout=PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        return  # it ran and ended: starting again what was started changes nothing
