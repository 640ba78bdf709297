"""The binding guard of postings, beside a bare insert: what a question takes, and what is left of the throughput."""

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field

import asyncpg

from benchmarks.cut_off import Line
from benchmarks.gated import ASKED, DAY, ENTERED, ENTITY, GONE, JOURNALS, SCOPE, opened
from benchmarks.house import House, house
from benchmarks.measure import RUNS, print_table

CONNECTIONS = (1, 12)
SECONDS = 1.0


@dataclass(frozen=True)
class Way:
    """How a posting is made: it may ask the guard itself, and its journal may have the backstop."""

    name: str
    asks: bool
    journal: str


WAYS = (
    Way("bare insert", asks=False, journal="unguarded"),
    Way("asked, inserted", asks=True, journal="unguarded"),
    Way("backstop alone", asks=False, journal="guarded"),
    Way("asked, inserted, backstop", asks=True, journal="guarded"),
)


@dataclass
class Taken:
    """Transactions a second of each run, and milliseconds of each statement."""

    rates: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    inserted: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks guard")
    parser.add_argument("--runs", type=int, default=RUNS)
    asyncio.run(_measured(parser.parse_args().runs))


async def _measured(runs: int) -> None:
    async with house() as home:
        owner = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
        await owner.execute(JOURNALS)
        await opened(home.store, home.tenant.id, home.people["ada"].id)
        for connections in CONNECTIONS:
            taken: dict[Way, Taken] = defaultdict(Taken)
            lines = [await asyncpg.connect(home.environment["CHANGEGATE_DATABASE_URL"]) for _ in range(connections)]
            for _ in range(runs):
                for way in WAYS:
                    await _once(home, way, lines, taken[way])
            floor = await _floor(lines[0])
            for line in lines:
                await line.close()
            _print(connections, runs, taken, floor)
        await owner.execute(GONE)
        await owner.close()


async def _once(home: House, way: Way, lines: list[Line], taken: Taken) -> None:
    ends = time.perf_counter() + SECONDS
    counts = await asyncio.gather(*(_posting(home, way, line, ends, taken) for line in lines))
    taken.rates.append(sum(counts) / SECONDS)


async def _posting(home: House, way: Way, line: Line, ends: float, taken: Taken) -> int:
    """How many were committed."""
    tenant, person, posted = home.tenant.id, home.people["ada"].id, 0
    while time.perf_counter() < ends:
        async with line.transaction():
            await line.execute("SELECT set_config('fiscal.actor', $1, true)", str(person))
            period, epoch = None, None
            if way.asks:
                began = time.perf_counter()
                row = await line.fetchrow(ASKED, tenant, ENTITY, SCOPE, DAY, person)
                taken.asked.append((time.perf_counter() - began) * 1000)
                assert row is not None
                period, epoch = row["period_id"], row["epoch"]
            began = time.perf_counter()
            await line.execute(ENTERED.format(way.journal), tenant, ENTITY, DAY, 1, period, epoch)
            taken.inserted.append((time.perf_counter() - began) * 1000)
        posted += 1
    return posted


async def _floor(line: Line) -> list[float]:
    """Milliseconds of statements that ask nothing."""
    found = []
    for _ in range(2000):
        began = time.perf_counter()
        await line.fetchval("SELECT 1")
        found.append((time.perf_counter() - began) * 1000)
    return found


def _print(connections: int, runs: int, taken: dict[Way, Taken], floor: list[float]) -> None:
    bare = statistics.median(taken[WAYS[0]].rates)
    rows = [("SELECT 1, one connection", "", "", *_shown(floor))]
    for way, found in taken.items():
        rate = statistics.median(found.rates)
        rows.append((way.name, f"{rate:,.0f}", f"{rate / bare:.2f}", *_shown(found.inserted)))
        if found.asked:
            rows.append(("  of which the question", "", "", *_shown(found.asked)))
    title = f"{connections} connection(s), READ COMMITTED, medians of {runs} runs; statements in milliseconds"
    print_table(title, ("posting", "per second", "of bare", "p50", "p99"), rows)


def _shown(milliseconds: list[float]) -> tuple[str, str]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return f"{cuts[49]:.3f}", f"{cuts[98]:.3f}"


if __name__ == "__main__":
    main()
