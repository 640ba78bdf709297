"""A workflow that waits for a reply is told by a signal."""

from datetime import timedelta
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.chunks import answered
from adapters.temporal.client import ClientSource
from domain.canonical import Json

_PATIENCE: Final = timedelta(seconds=10)


class TemporalSignals:
    def __init__(self, reach: ClientSource) -> None:
        self._reach = reach

    async def signal(self, workflow: str, name: str, told: dict[str, Json]) -> bool:
        async with answered():
            client = await self._reach()
            try:
                await client.get_workflow_handle(workflow).signal(name, told, rpc_timeout=_PATIENCE)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return False
        return True
