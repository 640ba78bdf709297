"""The command bus under load, while workers and connections are lost, beside Procrastinate and reliable-cmd."""

import argparse
import asyncio
import os
import signal
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from adapters.embedded.child import Child
from application.commands.handling import Handlers
from benchmarks.bus_answers import FILL, answers
from benchmarks.commands import Idle
from benchmarks.house import House, house
from benchmarks.measure import print_table
from benchmarks.procrastinating import jobs_done
from benchmarks.reliable import commands_done
from worker import ended

ENOUGH: Final = 3000
"""Commands for each second: more than can be executed in it."""
WARM: Final = 3
"""Seconds that do not count, since workers begin to work in them."""
_DONE: Final = (
    "SELECT date_trunc('second', ended_at) AS at, count(*) AS done FROM command WHERE ended_at IS NOT NULL GROUP BY 1"
)
_CUT: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'changegate'"
_DEAD: Final = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'command'"


@dataclass
class Soak:
    """`done` is how many commands were over in each second; `losses` what was done to the bus, and when."""

    done: dict[datetime, int]
    losses: dict[str, datetime] = field(default_factory=dict)
    dead: list[int] = field(default_factory=list)
    """Rows of the table that nobody sees any more, each second."""

    @property
    def calm(self) -> list[int]:
        """Of the seconds before anything was lost."""
        until = min(self.losses.values(), default=max(self.done))
        first = min(self.done) + timedelta(seconds=WARM)
        return [many for at, many in sorted(self.done.items()) if first <= at < until]

    def recovered(self, lost: datetime) -> float | None:
        """Seconds until three in a row had 95 percent of what was usual before."""
        usual = statistics.median(self.calm)
        for seconds in range(1, 120):
            three = [self.done.get(_second(lost) + timedelta(seconds=seconds + each), 0) for each in range(3)]
            if statistics.mean(three) >= 0.95 * usual:
                return seconds
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks bus")
    parser.add_argument("--seconds", type=int, default=60, help="of load; 600 for a soak")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--commands", type=int, default=1_000_000, help="that the lists are read over, beside 50,000")
    asyncio.run(_measured(parser.parse_args()))


async def _measured(options: argparse.Namespace) -> None:
    """Peers work on servers of their own: nothing that we left behind is tidied up while they do."""
    brief = min(options.seconds, 30)
    async with house() as home:
        soak = await _soaked(home, options.seconds, options.workers)
    done = {"commands, with their trail": soak.calm}
    for what, peer in (("Procrastinate jobs", jobs_done), ("reliable-cmd commands, with their trail", commands_done)):
        async with house() as home:
            done[what] = await peer(home, brief, options.workers)
    usual = statistics.median(soak.calm)
    rows: list[Sequence[str]] = [
        (what, f"{statistics.median(each):,.0f}", f"{min(each):,}", f"{usual / statistics.median(each):.2f}")
        for what, each in done.items()
    ]
    print_table(f"done in a second, {options.workers} workers each", ("what", "median", "worst", "ours to it"), rows)
    back = [(what, _seconds(soak.recovered(at))) for what, at in soak.losses.items()]
    print_table("seconds until 95 percent of what was done before", ("after", "seconds"), back)
    quarters = (soak.dead[len(soak.dead) * each // 4 : len(soak.dead) * (each + 1) // 4] for each in range(4))
    dead = [(f"{number}. quarter", f"{max(some):,}") for number, some in enumerate(quarters, 1) if some]
    print_table("most dead rows in the table of commands", ("in the", "rows"), dead)
    async with house() as home:
        print_table("milliseconds", ("what", "p50", "p95"), await answers(home, options.commands))


async def _soaked(home: House, seconds: int, workers: int) -> Soak:
    await home.store.put_command_types(Handlers(Idle()).types())
    line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
    await line.execute(FILL, [home.tenant.id], seconds * ENOUGH, "bench", "bench.write", 0)
    await line.execute("VACUUM ANALYZE command")
    env = {**home.environment, "CHANGEGATE_HANDLERS": "benchmarks.commands:Idle", "CHANGEGATE_LOG_LEVEL": "WARNING"}
    children = [
        await home.stack.spawn(f"worker-{number}", [sys.executable, "-m", "worker"], env, grace=25)
        for number in range(workers)
    ]
    await _begun(line)
    dead: list[int] = []
    counting = asyncio.create_task(_counted(home, dead))
    losses = await _lost(line, children[-1], seconds)
    await asyncio.sleep(seconds / 4)
    await ended(counting)
    for child in children:
        await child.stop()
    done = {row["at"]: row["done"] for row in await line.fetch(_DONE)}
    await line.close()
    return Soak(done, losses, dead)


async def _counted(home: House, dead: list[int]) -> None:
    line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
    while True:
        dead.append(await line.fetchval(_DEAD))
        await asyncio.sleep(1)


async def _begun(line: Any) -> None:
    while not await line.fetchval("SELECT EXISTS (SELECT FROM command WHERE ended_at IS NOT NULL)"):  # noqa: ASYNC110 -- the database sets no event
        await asyncio.sleep(0.1)


async def _lost(line: Any, last: Child, seconds: int) -> dict[str, datetime]:
    """After half of the time a worker, and after three quarters every connection."""

    async def kill() -> None:
        assert last.pid is not None
        os.kill(last.pid, signal.SIGKILL)

    async def cut() -> None:
        await line.fetch(_CUT)

    acts: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
        ("SIGKILL of one worker", 0.5, kill),
        ("every connection cut", 0.25, cut),
    ]
    losses: dict[str, datetime] = {}
    for what, share, act in acts:
        await asyncio.sleep(seconds * share)
        losses[what] = await line.fetchval("SELECT clock_timestamp()")
        await act()
    return losses


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _seconds(found: float | None) -> str:
    return "not within the run" if found is None else f"{found:.0f}"


if __name__ == "__main__":
    main()
