"""A long command is a workflow under its own name and epoch, on the queue of whoever serves its domain."""

from datetime import timedelta
from typing import Any, TypedDict

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowExecutionStatus
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from adapters.temporal.answers import PATIENCE, answered, ended, if_there
from adapters.temporal.chunks import queue_of
from adapters.temporal.client import ClientSource
from domain.commands import CommandRecord, name_of
from workflows import search
from workflows.command import CommandRequest, CommandWorkflow, OutcomeAsked
from workflows.presets import TASK_TIMEOUT


class TemporalCommandRuns:
    def __init__(self, reach: ClientSource, prefix: str = "commands") -> None:
        """`prefix` begins the names of the queues."""
        self._reach = reach
        self._prefix = prefix

    async def start(self, record: CommandRecord) -> None:
        """Started and told in one call: a run that is about to end hears of the lease, or there is a new one."""
        async with answered():
            client = await self._reach()
            await client.start_workflow(
                CommandWorkflow.run,
                _request(record),
                **_start(record, self._prefix),
                start_signal="lease",
                start_signal_args=[record.lease],
                rpc_timeout=PATIENCE,
            )

    async def over(self, record: CommandRecord) -> None:
        async with answered():
            client = await self._reach()
            await ended(client.get_workflow_handle(record.workflow_id).result())

    async def alive(self, record: CommandRecord) -> bool:
        async with answered():
            client = await self._reach()
            found = await if_there(client.get_workflow_handle(record.workflow_id).describe(rpc_timeout=PATIENCE))
        return found is not None and found.status is WorkflowExecutionStatus.RUNNING


async def asked_outcome(client: Client, record: CommandRecord, seconds: float, prefix: str = "commands") -> None:
    """Returns once it was executed, or after so long; WorkflowUpdateFailedError where its workflow refuses to wait."""
    started: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        CommandWorkflow.run, _request(record), **_start(record, prefix)
    )
    asked = OutcomeAsked(seconds, record.command.options.expires_at)
    await client.execute_update_with_start_workflow("outcome", asked, start_workflow_operation=started)


class _Start(TypedDict):
    id: str
    task_queue: str
    id_conflict_policy: WorkflowIDConflictPolicy
    id_reuse_policy: WorkflowIDReusePolicy
    task_timeout: timedelta
    static_summary: str
    search_attributes: TypedSearchAttributes


def _request(record: CommandRecord) -> CommandRequest:
    return CommandRequest(record.tenant, *record.key, record.epoch)


def _start(record: CommandRecord, prefix: str) -> _Start:
    return _Start(
        id=record.workflow_id,
        task_queue=queue_of(record.command.domain, prefix),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=f"{record.command.type} {record.command.id}",
        search_attributes=attributes_of(record),
    )


def attributes_of(record: CommandRecord) -> TypedSearchAttributes:
    command = record.command
    return search.of_command(
        record.tenant, name_of(record.key), command.type, record.state.value, command.options.change
    )
