"""The commands of one lease are executed by one worker, and by another when that one is no more."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.commands import Chunk, CommandActivities

LONGEST = timedelta(minutes=10)
"""Of one execution: it begins none of its commands late, and none of them may take long."""
AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10))
"""While the database is away."""


@workflow.defn(name="CommandChunkWorkflow")
class CommandChunkWorkflow:
    @workflow.run
    async def run(self, chunk: Chunk) -> dict[str, int]:
        return await workflow.execute_local_activity_method(
            CommandActivities.execute,
            chunk,
            start_to_close_timeout=LONGEST,
            retry_policy=AGAIN,
            local_retry_threshold=timedelta(minutes=1),
            summary="execute",
        )
