"""The execution of a lease is a workflow under the lease's name, on the queue of whoever serves its domain."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.worker import Worker

from activities.commands import Chunk, CommandActivities
from activities.long_commands import LongCommandActivities
from adapters.temporal.answers import PATIENCE, answered, ended, if_there
from adapters.temporal.client import ClientSource, ping
from adapters.temporal.worker import sandbox
from workflows import search
from workflows.command import CommandWorkflow
from workflows.command_chunk import CommandChunkWorkflow
from workflows.presets import TASK_TIMEOUT

SLOTS: Final = 100
"""Leases of a domain that a worker executes at a time: more than one relay has, so that none waits for a slot."""


class TemporalChunks:
    def __init__(self, reach: ClientSource, prefix: str = "commands") -> None:
        """`prefix` begins the names of the queues."""
        self._reach = reach
        self._prefix = prefix

    def queue(self, domain: str) -> str:
        return queue_of(domain, self._prefix)

    async def start(self, tenant: UUID, domain: str, lease: UUID) -> None:
        async with answered():
            client = await self._reach()
            try:
                await client.start_workflow(
                    CommandChunkWorkflow.run,
                    Chunk(tenant, lease),
                    id=_name(lease),
                    task_queue=self.queue(domain),
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    task_timeout=TASK_TIMEOUT,
                    static_summary=f"Commands of {domain}",
                    search_attributes=search.about({search.TENANT: str(tenant)}),
                    request_eager_start=True,
                    rpc_timeout=PATIENCE,
                )
            except WorkflowAlreadyStartedError:
                return  # it ran and ended

    async def over(self, lease: UUID) -> None:
        async with answered():
            client = await self._reach()
            await ended(client.get_workflow_handle(_name(lease)).result())

    async def alive(self, lease: UUID) -> bool:
        async with answered():
            client = await self._reach()
            found = await if_there(client.get_workflow_handle(_name(lease)).describe(rpc_timeout=PATIENCE))
        return found is not None and found.status is WorkflowExecutionStatus.RUNNING

    async def ping(self) -> None:
        await ping(await self._reach())


def chunk_worker(
    client: Client, activities: CommandActivities, queue: str, long: LongCommandActivities | None = None
) -> Worker:
    """Serves one domain; it ends once what it holds has ended. Without `long` it leaves long commands to others."""
    return Worker(
        client,
        task_queue=queue,
        workflows=[CommandChunkWorkflow, CommandWorkflow],
        activities=[activities.execute, *([long.carry_out] if long else [])],
        workflow_runner=sandbox(),
        max_cached_workflows=2 * SLOTS,  # beside those that it executes, long commands
        max_concurrent_workflow_tasks=SLOTS,
        max_concurrent_local_activities=SLOTS,
        graceful_shutdown_timeout=timedelta(seconds=20),
        max_heartbeat_throttle_interval=timedelta(seconds=2),
    )


def queue_of(domain: str, prefix: str) -> str:
    return f"{prefix}-{domain}"


def _name(lease: UUID) -> str:
    return f"command-chunk/{lease}"
