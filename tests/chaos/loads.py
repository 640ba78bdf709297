"""Commands are sent through the API all the time, each until somebody says that it was taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from tests.chaos.conftest import Tell, eventually
from tests.chaos.place import UNAVAILABLE, Place
from tests.chaos.throughput import CALM, LONG, Throughput
from tests.works import SCHEMA
from worker import ended

CUTS: Final = 60 if LONG else 10
HELD: Final = 30 if LONG else 1
"""Seconds for which others have every connection."""
AWAY: Final = 120 if LONG else 0
"""Seconds for which Temporal is away, beside those until it was noticed."""
IDLE: Final = 300
"""Connections that others take, and do nothing with."""
EACH: Final = 10
CUT: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'changegate'"
BEAT: Final = 0.2
"""Seconds from one request to the next: more than is executed at once must not wait when something goes away."""


@dataclass
class Load:
    """`taken` are the ids of all that the API said it took: every other one calls outside, the rest write."""

    place: Place
    folder: Path
    label: str
    taken: list[str] = field(default_factory=list)
    outage: list[datetime] = field(default_factory=list)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        for each in filter(str.strip, SCHEMA.split(";")):
            await self.place.rows(each)
        sending = asyncio.create_task(self._send())
        await self.some_more()
        await asyncio.sleep(CALM)
        yield
        await self.some_more()
        await asyncio.sleep(CALM)
        await ended(sending)
        if not sending.cancelled():
            sending.result()

    @asynccontextmanager
    async def disturbed(self) -> AsyncIterator[None]:
        self.outage.append(datetime.now(UTC))
        yield
        self.outage.append(datetime.now(UTC))

    async def some_more(self) -> None:
        stood = len(self.taken)

        async def more() -> bool:
            return len(self.taken) > stood + 2 * EACH

        await eventually(more)

    async def done(self, tell: Tell) -> None:
        """Once each is completed: by one worker that never vanished, with one effect, or one key for its calls."""
        await eventually(self._all_completed, 300 if LONG else 120)
        writes = [each for each in self.taken if each.startswith("w")]
        rows = await self.place.rows("SELECT command FROM works.effect WHERE command = ANY($1::text[])", self.taken)
        assert sorted(row["command"] for row in rows) == sorted(writes)
        called = set((self.folder / "calls").read_text().splitlines())
        assert {f"doomed/{each}:1" for each in self.taken if each.startswith("c")} <= called
        ends = await self.place.rows("SELECT ended_at FROM command WHERE command_id = ANY($1::text[])", self.taken)
        course = Throughput([row["ended_at"] for row in ends], self.outage[0], self.outage[-1])
        tell(f"{self.label}: {len(self.taken)} commands, none lost, none twice; {course}")

    async def _send(self) -> None:
        shop, payload = self.place.person("shop"), {"folder": str(self.folder)}
        slow = {**payload, "seconds": 0.05}
        clock = asyncio.get_running_loop().time
        for number in count():
            next_at = clock() + BEAT
            names = [f"{'wc'[each % 2]}-{self.label}-{number}-{each}" for each in range(EACH)]
            kinds = {"w": ("doomed.write", payload), "c": ("doomed.call", slow)}
            commands = [{"type": kind, "id": name, "payload": of} for name in names for kind, of in [kinds[name[0]]]]
            while (answer := await shop.ask("POST", "/api/v1/commands/bulk", {"commands": commands})).is_error:
                assert answer.status_code == UNAVAILABLE, answer.text
                await asyncio.sleep(0.2)
            self.taken += names
            await asyncio.sleep(max(0, next_at - clock()))

    async def _all_completed(self) -> bool:
        # The pause between two attempts is over.
        await self.place.rows("UPDATE command SET due_at = now(), rank = now() WHERE state = 'retry-wait'")
        words = (
            "SELECT count(*) AS n, count(*) FILTER (WHERE state = 'completed') AS completed, sum(crashes) AS crashes"
            " FROM command WHERE command_id = ANY($1::text[])"
        )
        (row,) = await self.place.rows(words, self.taken)
        assert (row["n"], row["crashes"]) == (len(self.taken), 0)
        return bool(row["completed"] == row["n"])


@asynccontextmanager
async def full(place: Place) -> AsyncIterator[int]:
    """Every connection that the server has is somebody else's, and does nothing; how many they are."""
    idle: list[asyncpg.Connection] = []
    url = place.running.stack.endpoints.database_superuser_url
    async with AsyncExitStack() as held:
        while True:
            try:
                idle.append(await asyncpg.connect(url))
            except asyncpg.TooManyConnectionsError:
                if not await idle[0].fetch(CUT):
                    break
            else:
                held.push_async_callback(idle[-1].close)
        yield len(idle)
