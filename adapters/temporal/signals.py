"""A workflow that waits for a reply is told by a signal."""

from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.answers import PATIENCE, answered
from adapters.temporal.client import ClientSource
from domain.canonical import Json


class TemporalSignals:
    def __init__(self, reach: ClientSource) -> None:
        self._reach = reach

    async def signal(self, workflow: str, name: str, told: dict[str, Json]) -> bool:
        async with answered():
            client = await self._reach()
            try:
                await client.get_workflow_handle(workflow).signal(name, told, rpc_timeout=PATIENCE)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return False
        return True
