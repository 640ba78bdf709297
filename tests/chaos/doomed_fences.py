"""The part of a worker that executes commands, which kills itself while a module answers for its gate.

`python -m tests.chaos.doomed_fences`, where DOOMED says at what: in the `handler`, once its work is done, or once its
word has `settled` a fence of DOOMED_TENANT and before the reply is over. DOOMED_HEARD has a line for each call.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from adapters.postgres.store import PostgresStore, PostgresTransaction
from adapters.settings import Settings
from application.commands.handling import Order, handles
from bootstrap import Parts, parts
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind
from domain.fences import Fence
from tests.chaos.doomed_commands import noted
from worker import executing, reach


class Gate(BaseModel):
    epoch: int


class Gatehouse:
    @handles("gatehouse.set-gate", Gate, HandlerKind.EXTERNAL)
    async def set_gate(self, order: Order, gate: Gate) -> Json:
        noted(Path(os.environ["DOOMED_HEARD"]), order.idempotency_key)
        if os.environ.get("DOOMED") == "handler":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"epoch": gate.epoch, "entries": 12}


class Doomed(PostgresStore):
    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        settled = False
        async with super().transaction(tenant) as tx:
            save = tx.fences.save

            async def heard(*fences: Fence) -> None:
                nonlocal settled
                settled = settled or any(each.acknowledgement is not None for each in fences)
                await save(*fences)

            kept: Any = tx.fences
            kept.save = heard
            yield tx
        if settled and str(tenant) == os.environ["DOOMED_TENANT"]:
            os.kill(os.getpid(), signal.SIGKILL)


async def live(made: Parts) -> None:
    async with executing(made, await reach(made.settings)) as leading:
        await asyncio.gather(*leading)


async def main() -> None:
    async with parts(Settings.read()) as made:
        if os.environ["DOOMED"] == "settled":
            made.__dict__["store"] = Doomed(made.engine)
        await live(made)


if __name__ == "__main__":
    asyncio.run(main())
