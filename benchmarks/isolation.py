"""What each way to ask a gate holds against a close, at each isolation, as the tables of the page on the guard."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence

import asyncpg

from benchmarks.cut_off import ISOLATIONS, TRY_AGAIN, Isolation, Line, Race, Refused, run
from benchmarks.guards import ADVISORY, GUARDS, HYBRID, KEY_SHARE, PLAIN, SHARE, Guard, SmallGate, fresh
from benchmarks.house import house

RC, RR, SER = ISOLATIONS
CALLED = {RC: "READ COMMITTED", RR: "REPEATABLE READ", SER: "SERIALIZABLE"}
RACES: tuple[tuple[Guard, Isolation, Isolation], ...] = (
    (PLAIN, RC, RC), (PLAIN, RR, RC), (PLAIN, SER, RC), (PLAIN, SER, SER),
    (KEY_SHARE, RC, RC), (KEY_SHARE, SER, RC), (KEY_SHARE, SER, SER),
    (HYBRID, RC, RC), (HYBRID, RR, RC), (HYBRID, SER, RC), (HYBRID, RC, RR), (HYBRID, RC, SER), (HYBRID, SER, SER),
)  # fmt: skip
"""Guard, posters, closer."""
_NOTICE = 0.3
"""Seconds after which whoever has not gone on is taken to wait."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks isolation")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each race")
    asyncio.run(_measured(parser.parse_args().seconds))


async def _measured(seconds: float) -> None:
    async with house() as home:
        url = home.stack.endpoints.database_superuser_url
        for title, play in (
            ("A posting asked, and a close comes before it is entered", _asked_first),
            ("A close is under way, and a posting asks", _asked_behind),
        ):
            rows = [[guard.name, *[await play(url, guard, each) for each in ISOLATIONS]] for guard in GUARDS]
            _print(title, ["guard", *CALLED.values()], rows)
        _print("How long a close waits while posters hold transactions of 20 ms, in milliseconds",
               ["guard", "4 posters", "16 posters", "40 posters"],
               [[guard.name, *[await _waited(url, guard, count) for count in (4, 16, 40)]]
                for guard in (SHARE, ADVISORY, HYBRID)])  # fmt: skip
        _print(f"Twelve posters against a closer, {seconds:g} s each",
               ["guard", "posters", "closer", "closes", "broken", "rows off", "aborts of posters", "of the closer"],
               [await _raced(url, *race, seconds) for race in RACES])  # fmt: skip


async def _asked_first(url: str, guard: Guard, isolation: Isolation) -> str:
    gate = await fresh(url, guard)
    line = await asyncpg.connect(url)
    posting = line.transaction(isolation=isolation)
    await posting.start()
    epoch = await gate.ask(line)
    closing = asyncio.create_task(gate.close())
    done, _ = await asyncio.wait([closing], timeout=_NOTICE)
    outcome = await _entered(gate, line, epoch)
    await (posting.commit() if outcome is None else posting.rollback())
    await closing
    return await _judged(gate, line, outcome, "the close went ahead" if done else "the close waits")


async def _asked_behind(url: str, guard: Guard, isolation: Isolation) -> str:
    gate = await fresh(url, guard)
    line = await asyncpg.connect(url)
    closing = gate.closer.transaction(isolation="read_committed")
    await closing.start()
    await gate.shut()
    posting = line.transaction(isolation=isolation)
    await posting.start()
    asking = asyncio.create_task(gate.ask(line))
    await asyncio.wait([asking], timeout=_NOTICE)
    await gate.count()
    await closing.commit()
    try:
        outcome = await _entered(gate, line, await asking)
    except Refused:
        outcome = "refused"
    except TRY_AGAIN:
        outcome = "serialization error"
    await (posting.commit() if outcome is None else posting.rollback())
    return await _judged(gate, line, outcome, "")


async def _entered(gate: SmallGate, line: Line, epoch: int) -> str | None:
    try:
        await gate.enter(line, epoch)
    except TRY_AGAIN:
        return "serialization error"
    return None


async def _judged(gate: SmallGate, line: Line, outcome: str | None, how: str) -> str:
    verdict = await gate.verdict()
    await line.close()
    await gate.closer.close()
    if verdict.broken:
        return "**broken**"
    return outcome or (f"holds: {how}" if how else "holds")


async def _waited(url: str, guard: Guard, posters: int) -> str:
    """The median of three; a close that is still waiting after ten seconds is given up."""
    found = []
    for _ in range(3):
        gate = await fresh(url, guard)
        over = asyncio.Event()
        tasks = [asyncio.create_task(_holding(url, gate, over)) for _ in range(posters)]
        await asyncio.sleep(0.5)
        began = time.perf_counter()
        closing = asyncio.create_task(gate.close())
        done, _ = await asyncio.wait([closing], timeout=10)
        found.append((time.perf_counter() - began) * 1000)
        over.set()
        await asyncio.gather(*tasks, closing)
        await gate.closer.close()
        if not done:
            return "> 10,000"
    return f"{statistics.median(found):,.0f}"


async def _holding(url: str, gate: SmallGate, over: asyncio.Event) -> None:
    line = await asyncpg.connect(url)
    while not over.is_set():
        try:
            async with line.transaction():
                epoch = await gate.ask(line)
                await asyncio.sleep(0.02)
                await gate.enter(line, epoch)
        except Refused:
            await asyncio.sleep(0.02)
    await line.close()


async def _raced(url: str, guard: Guard, posters: Isolation, closer: Isolation, seconds: float) -> list[str]:
    gate = await fresh(url, guard, closer)
    score = await run(url, gate, Race(posters, seconds=seconds, least=0, most=seconds))
    await gate.closer.close()
    found = score.verdict
    broken = f"**{found.broken}**" if found.broken else "0"
    counts = [found.closes, found.rows_off, score.poster_aborts, score.closer_aborts]
    closes, off, poster_aborts, closer_aborts = (f"{each:,}" for each in counts)
    return [guard.name, CALLED[posters], CALLED[closer], closes, broken, off, poster_aborts, closer_aborts]


def _print(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As markdown."""
    print(f"\n{title}:\n")
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
