"""The part of a worker that executes commands, which kills itself when a batch is over.

`python -m tests.chaos.doomed_batches before|after`: before the transaction is committed that ends the batch and sends
its callback, or right after it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from adapters.postgres.store import PostgresStore, PostgresTransaction
from adapters.settings import Settings
from bootstrap import Parts, parts
from domain.commands.batches import Batch
from worker import executing, reach


class Doomed(PostgresStore):
    when: str = ""

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        over = False
        async with super().transaction(tenant) as tx:
            save = tx.commands.batches.save

            async def noted(batch: Batch) -> Batch:
                nonlocal over
                over = over or batch.over
                return await save(batch)

            batches: Any = tx.commands.batches
            batches.save = noted
            yield tx
            if over and self.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if over and self.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)


async def live(made: Parts) -> None:
    async with executing(made, await reach(made.settings)) as leading:
        await asyncio.gather(*leading)


async def main(when: str) -> None:
    async with parts(Settings.read()) as made:
        store = Doomed(made.engine)
        store.when = when
        made.__dict__["store"] = store
        await live(made)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
