"""A relay that kills itself once it has leased something, or once Temporal has it.

`doomed.py DATABASE TEMPORAL TABLE leased|started`: it runs until there is something to lease.
"""

import asyncio
import os
import signal
import sys

from sqlalchemy.ext.asyncio import create_async_engine
from temporal_outbox.events import logged
from temporal_outbox.messages import Message
from temporal_outbox.passing import Passing
from temporal_outbox.relay import Relay
from temporal_outbox.source import Config, OutboxSource
from temporal_outbox.table import Outbox
from temporalio.client import Client


class LastPassing(Passing):
    point = "leased"

    async def __call__(self, message: Message) -> None:
        if self.point == "started":
            await super().__call__(message)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(database: str, temporal: str, table: str, point: str) -> None:
    passing = LastPassing(await Client.connect(temporal))
    passing.point = point
    await Relay(OutboxSource(create_async_engine(database), passing, Outbox(table), Config(), logged)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
