"""A relay of one tenant's commands that kills itself once it has leased some, or once their execution has started.

`python -m tests.chaos.doomed_leading TENANT leased|started`: it looks until there is something to lease.
"""

import asyncio
import os
import signal
import sys
from uuid import UUID

from adapters.settings import Settings
from adapters.temporal.chunks import TemporalChunks
from adapters.temporal.client import ClientSource, always
from application.commands.relaying import CommandRelay
from bootstrap import parts
from tests.works import Lanes
from worker import reach


class LastChunks(TemporalChunks):
    def __init__(self, client: ClientSource, point: str) -> None:
        super().__init__(client)
        self._point = point

    async def start(self, tenant: UUID, domain: str, lease: UUID) -> None:
        if self._point == "started":
            await super().start(tenant, domain, lease)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(tenant: str, point: str) -> None:
    async with parts(Settings.read()) as made:
        chunks = LastChunks(always(await reach(made.settings)), point)
        await CommandRelay(made.store, Lanes(made.store, (UUID(tenant),)), chunks, made.handlers).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
