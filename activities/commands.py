"""The commands of a lease are executed in one step; which they are, the database knows."""

from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.refusals import typed
from application.commands.executing import Executing


@dataclass(frozen=True)
class Chunk:
    """Ids only: commands and their payloads stay in the database."""

    tenant: UUID
    lease: UUID


class CommandActivities:
    def __init__(self, executing: Executing) -> None:
        self._executing = executing

    @activity.defn(name="commands.execute")
    async def execute(self, chunk: Chunk) -> dict[str, int]:
        """How many came to stand where."""
        with typed():
            return await self._executing.execute(chunk.tenant, chunk.lease)
