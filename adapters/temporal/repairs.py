"""A decision about a command that waits for another person is one workflow; another tenant's has another name."""

from contextlib import suppress

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from adapters.temporal.answers import PATIENCE
from domain.commands import name_of
from domain.commands.repairs import Repair
from workflows import search
from workflows.command_repair import CommandRepairWorkflow, RepairRequest
from workflows.presets import TASK_TIMEOUT


async def started_repair(client: Client, task_queue: str, repair: Repair, requester: str) -> None:
    """One that runs is left alone."""
    words = f"{repair.decision.act.value} of {name_of(repair.key)}"
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            CommandRepairWorkflow.run,
            RepairRequest(repair.tenant, repair.id),
            id=repair.workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Another person's yes to {words}",
            search_attributes=search.about(
                {
                    search.TENANT: str(repair.tenant),
                    search.TARGET_KEY: name_of(repair.key),
                    search.STATE: repair.standing.value,
                    search.REQUESTER: requester,
                }
            ),
            rpc_timeout=PATIENCE,
        )
