"""A long command is an activity of nobody's workflow, under its name, epoch and lease: for servers that have these."""

from temporalio.client import ActivityExecutionStatus
from temporalio.common import ActivityIDConflictPolicy, ActivityIDReusePolicy
from temporalio.exceptions import ActivityAlreadyStartedError

from activities.commands import Chunk
from adapters.temporal.answers import PATIENCE, answered, ended, if_there
from adapters.temporal.chunks import queue_of
from adapters.temporal.client import ClientSource
from adapters.temporal.command_runs import attributes_of
from domain.commands import CommandRecord
from workflows.command import AGAIN, LIFE, LONGEST

CARRY_OUT = "commands.carry_out"


class TemporalStandaloneRuns:
    """Answers `application.ports.command_runs.CommandRuns` with a few calls to the server for each command."""

    def __init__(self, reach: ClientSource, prefix: str = "commands") -> None:
        """`prefix` begins the names of the queues."""
        self._reach = reach
        self._prefix = prefix

    async def start(self, record: CommandRecord) -> None:
        if record.lease is None:
            return
        async with answered():
            client = await self._reach()
            try:
                await client.start_activity(
                    CARRY_OUT,
                    Chunk(record.tenant, record.lease),
                    id=_name(record),
                    task_queue=queue_of(record.command.domain, self._prefix),
                    start_to_close_timeout=LONGEST,
                    heartbeat_timeout=LIFE,
                    retry_policy=AGAIN,
                    id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
                    search_attributes=attributes_of(record),
                    summary=f"{record.command.type} {record.command.id}",
                    rpc_timeout=PATIENCE,
                )
            except ActivityAlreadyStartedError:
                return  # it ran and ended

    async def over(self, record: CommandRecord) -> None:
        async with answered():
            client = await self._reach()
            await ended(client.get_activity_handle(_name(record)).result())

    async def alive(self, record: CommandRecord) -> bool:
        async with answered():
            client = await self._reach()
            found = await if_there(client.get_activity_handle(_name(record)).describe(rpc_timeout=PATIENCE))
        return found is not None and found.status is ActivityExecutionStatus.RUNNING


def _name(record: CommandRecord) -> str:
    return f"{record.workflow_id}/{record.lease}"
