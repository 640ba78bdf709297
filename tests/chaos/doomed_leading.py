"""Lives that lead one tenant's commands or processes, each of which kills itself where it is told to.

`python -m tests.chaos.doomed_leading DEATHS`: each line of standard input is a tenant and a point. When that life has
died by SIGKILL its line is found in the file DEATHS; one that ended otherwise ends this process, too.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.postgres.commands import PostgresCommands
from adapters.settings import Settings
from adapters.temporal.chunks import TemporalChunks
from adapters.temporal.client import always
from adapters.temporal.command_runs import TemporalCommandRuns
from adapters.temporal.sagas import TemporalSagas
from application.commands.relaying import CommandRelay
from application.commands.sweeping import CommandSweeper
from application.ports.saga_lanes import WaitingSaga
from application.sagas.relaying import SagaRelay
from bootstrap import Parts, parts
from domain.errors import Unavailable
from tests.works import Lanes
from worker import reach


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def last(call: Callable[..., Awaitable[Any]], *given: Any) -> None:
    await call(*given)
    die()


async def never(_: Callable[..., Awaitable[Any]], *__: Any) -> None:
    die()


async def away(_: Callable[..., Awaitable[Any]], *__: Any) -> None:
    raise Unavailable


def within(name: str) -> None:
    """Dies in the transaction in which the table was written, unless there was nothing to write."""
    method = getattr(PostgresCommands, name)

    @wraps(method)
    async def fatal(self: PostgresCommands, *given: Any) -> Any:
        found = await method(self, *given)
        if found != []:
            die()
        return found

    setattr(PostgresCommands, name, fatal)


async def own(waiting: Callable[[], Awaitable[list[WaitingSaga]]], tenant: UUID) -> list[WaitingSaga]:
    return [each for each in await waiting() if each.tenant == tenant]


async def lead(made: Parts, tenant: UUID, point: str) -> None:
    client = always(await reach(made.settings))
    chunks, runs, sagas = TemporalChunks(client), TemporalCommandRuns(client), TemporalSagas(client)
    lanes = Lanes(made.store, (tenant,))
    changed: dict[str, tuple[object, str, Any]] = {
        "leased": (chunks, "start", never),
        "started": (chunks, "start", last),
        "giving-back": (chunks, "start", away),
        "long-leased": (runs, "start", never),
        "long-started": (runs, "start", last),
        "process-found": (sagas, "carry_on", never),
        "process-started": (sagas, "carry_on", last),
    }
    if point in changed:
        owner, name, what = changed[point]
        setattr(owner, name, partial(what, getattr(owner, name)))
    written = {"leasing": "lease", "giving-back": "end", "extending": "extend", "taking-back": "end"}
    if point in written:
        within(written[point])
    if point.startswith("process-"):
        setattr(made.store, "waiting_sagas", partial(own, made.store.waiting_sagas, tenant))  # noqa: B010 -- of this one
        await SagaRelay(made.store, sagas, made.process_book).run()
    elif point in {"extending", "taking-back"}:
        await CommandSweeper(made.store, lanes, chunks, runs, pause=0.05).run()
    else:
        await CommandRelay(made.store, lanes, chunks, made.handlers).leading(runs).run()


async def live(tenant: UUID, point: str) -> None:
    async with parts(Settings.read()) as made:
        await lead(made, tenant, point)


def main(deaths: Path) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            tenant, point = line.split()
            asyncio.run(live(UUID(tenant), point))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{line.strip()} was not the end")
        with deaths.open("a") as file:
            file.write(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
