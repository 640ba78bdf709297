"""A long command is a workflow under its own name and epoch, on the queue of whoever serves its domain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypedDict

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.chunks import queue_of
from adapters.temporal.client import ClientSource, TemporalUnavailable
from domain.commands import CommandRecord, name_of
from workflows import search
from workflows.command import CommandRequest, CommandWorkflow, OutcomeAsked
from workflows.presets import TASK_TIMEOUT

_PATIENCE = timedelta(seconds=10)


class TemporalCommandRuns:
    def __init__(self, reach: ClientSource, prefix: str = "commands") -> None:
        """`prefix` begins the names of the queues."""
        self._reach = reach
        self._prefix = prefix

    async def start(self, record: CommandRecord) -> None:
        """Started and told in one call: a run that is about to end hears of the lease, or there is a new one."""
        async with _answered():
            client = await self._reach()
            await client.start_workflow(
                CommandWorkflow.run,
                _request(record),
                **_start(record, self._prefix),
                start_signal="lease",
                start_signal_args=[record.lease],
                rpc_timeout=_PATIENCE,
            )

    async def over(self, record: CommandRecord) -> None:
        async with _answered():
            client = await self._reach()
            try:
                await client.get_workflow_handle(record.workflow_id).result()
            except WorkflowFailureError:
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def alive(self, record: CommandRecord) -> bool:
        async with _answered():
            client = await self._reach()
            try:
                found = await client.get_workflow_handle(record.workflow_id).describe(rpc_timeout=_PATIENCE)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return found.status is WorkflowExecutionStatus.RUNNING


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


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except (RPCError, OSError, RuntimeError) as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None  # nobody waits for the answer any more
        raise TemporalUnavailable from error
