"""The commands of a lease are executed in one step; which they are, the database knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from temporalio import activity

from activities.refusals import typed
from application.commands.executing import Executing

Ended: TypeAlias = Callable[[Mapping[str, int]], None]


def uncounted(counts: Mapping[str, int]) -> None:
    """Nobody asks how fast this process is."""


@dataclass(frozen=True)
class Chunk:
    """Ids only: commands and their payloads stay in the database."""

    tenant: UUID
    lease: UUID


class CommandActivities:
    def __init__(self, executing: Executing, ended: Ended = uncounted) -> None:
        """`ended` is told how many came to stand where."""
        self._executing = executing
        self._ended = ended

    @activity.defn(name="commands.execute")
    async def execute(self, chunk: Chunk) -> dict[str, int]:
        """How many came to stand where."""
        with typed():
            counts = await self._executing.execute(chunk.tenant, chunk.lease)
        self._ended(counts)
        return counts
