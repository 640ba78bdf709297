"""Workflows of processes that only remember what they were told."""

from domain.errors import Unavailable
from domain.sagas import Saga


class MemorySagaRuns:
    """Answers `application.ports.saga_lanes.SagaRuns`; while `down` it raises what an unreachable Temporal raises."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        """The names of workflows, each with the version that its process had."""
        self.down = False

    async def carry_on(self, saga: Saga, requester: str) -> None:
        del requester
        await self.ping()
        self.told.append((saga.workflow_id, saga.version))

    async def ping(self) -> None:
        if self.down:
            raise Unavailable(part="temporal")
