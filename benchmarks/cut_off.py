"""Posters race a closer: what was posted under an epoch is what its close counted, or the cut-off is broken."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import asyncpg

Line: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]
ISOLATIONS: tuple[Isolation, ...] = ("read_committed", "repeatable_read", "serializable")
TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_OPEN, _SHUT, _WORK = 0.06, 0.02, 0.004
"""Seconds, at most: how long a gate is open, how long it is shut, and what a posting does after it asked."""


class Refused(Exception):
    """The guard did not let this posting in."""


class Ground(Protocol):
    """One gate, what is posted through it, and what each close of it counted."""

    async def post(self, line: Line) -> None:
        """Within the poster's own transaction; Refused."""
        ...

    async def close(self) -> None: ...
    async def reopen(self) -> None: ...
    async def verdict(self) -> "Verdict": ...


@dataclass(frozen=True)
class Verdict:
    """Of `closes`, so many are `broken`: rows or their sum are not what was counted, by `rows_off` rows in all."""

    closes: int
    broken: int
    rows_off: int


@dataclass(frozen=True)
class Race:
    """How many post, at which isolation, and for how long: at least `seconds` and `least` closes, at most `most` s."""

    isolation: Isolation
    posters: int = 12
    seconds: float = 8.0
    least: int = 30
    most: float = 60.0


@dataclass(frozen=True)
class Score:
    verdict: Verdict
    posted: int
    refused: int
    poster_aborts: int
    closer_aborts: int


async def run(url: str, ground: Ground, race: Race) -> Score:
    over = asyncio.Event()
    counts: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for number in range(race.posters):
            group.create_task(_posts(url, ground, race, counts, over, random.Random(number)))
        group.create_task(_closes(ground, race, counts, over))
    found = await ground.verdict()
    return Score(found, counts["posted"], counts["refused"], counts["poster aborts"], counts["closer aborts"])


def work(chance: random.Random | None = None) -> Any:
    """What a posting does between its question and its entry."""
    return asyncio.sleep((chance or random).uniform(0, _WORK))


async def _posts(
    url: str, ground: Ground, race: Race, counts: Counter[str], over: asyncio.Event, chance: random.Random
) -> None:  # fmt: skip
    line = await asyncpg.connect(url)
    try:
        while not over.is_set():
            try:
                async with line.transaction(isolation=race.isolation):
                    await ground.post(line)
                counts["posted"] += 1
            except Refused:
                counts["refused"] += 1
                await work(chance)
            except TRY_AGAIN:
                counts["poster aborts"] += 1
    finally:
        await line.close()


async def _closes(ground: Ground, race: Race, counts: Counter[str], over: asyncio.Event) -> None:
    chance = random.Random(race.isolation)
    ends, latest = (time.monotonic() + each for each in (race.seconds, race.most))
    try:
        while time.monotonic() < latest and (time.monotonic() < ends or counts["closes"] < race.least):
            await asyncio.sleep(chance.uniform(0, _OPEN))
            if await _until_done(ground.close, counts, latest):
                counts["closes"] += 1
                await asyncio.sleep(chance.uniform(0, _SHUT))
                await _until_done(ground.reopen, counts, latest)
    finally:
        over.set()


async def _until_done(act: Callable[[], Any], counts: Counter[str], latest: float) -> bool:
    while time.monotonic() < latest:
        try:
            await act()
        except TRY_AGAIN:
            counts["closer aborts"] += 1
        else:
            return True
    return False
