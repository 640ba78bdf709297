"""One workflow's time can be moved forward on a server that allows it; the jump stands in the history."""

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

_PATIENCE_SECONDS = 10.0


async def skip(client: Client, workflow_id: str, by: timedelta) -> bool:
    """False when the workflow ended before so much time had passed; one that is about to start is waited for."""
    handle = client.get_workflow_handle(workflow_id)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            try:
                return await TimeSkipper(client).fast_forward(handle, by)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(0.05)
