"""Commands are sent through the API all the time, each until somebody says that it was taken."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from tests.chaos.conftest import eventually
from tests.chaos.place import UNAVAILABLE, Place
from tests.works import SCHEMA
from worker import ended

LONG: Final = os.environ.get("CHANGEGATE_CHAOS") == "long"
CUTS: Final = 60 if LONG else 10
HELD: Final = 30 if LONG else 2
"""Seconds for which others have every connection."""
EACH: Final = 10


@dataclass
class Load:
    """`taken` are the ids of all that the API said it took: every other one calls outside, the rest write."""

    place: Place
    folder: Path
    label: str
    taken: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        for each in filter(str.strip, SCHEMA.split(";")):
            await self.place.rows(each)
        sending = asyncio.create_task(self._send())
        await eventually(self._some_more())
        yield
        await eventually(self._some_more())
        await ended(sending)
        if not sending.cancelled():
            sending.result()

    async def done(self) -> None:
        """Once each is completed: by one worker that never vanished, with one effect, or one key for its calls."""
        await eventually(self._all_completed, 60)
        writes = [each for each in self.taken if each.startswith("w")]
        rows = await self.place.rows("SELECT command FROM works.effect WHERE command = ANY($1::text[])", self.taken)
        assert sorted(row["command"] for row in rows) == sorted(writes)
        called = set((self.folder / "calls").read_text().splitlines())
        assert {f"doomed/{each}:1" for each in self.taken if each.startswith("c")} <= called

    async def _send(self) -> None:
        shop, payload = self.place.person("shop"), {"folder": str(self.folder)}
        for number in count():
            names = [f"{'wc'[each % 2]}-{self.label}-{number}-{each}" for each in range(EACH)]
            kinds = {"w": "doomed.write", "c": "doomed.call"}
            commands = [{"type": kinds[name[0]], "id": name, "payload": payload} for name in names]
            while (answer := await shop.ask("POST", "/api/v1/commands/bulk", {"commands": commands})).is_error:
                assert answer.status_code == UNAVAILABLE, answer.text
                await asyncio.sleep(0.2)
            self.taken += names
            await asyncio.sleep(0.05)

    def _some_more(self) -> Callable[[], Awaitable[bool]]:
        stood = len(self.taken)

        async def more() -> bool:
            return len(self.taken) > stood + 2 * EACH

        return more

    async def _all_completed(self) -> bool:
        # The pause between two attempts is over.
        await self.place.rows("UPDATE command SET due_at = now(), rank = now() WHERE state = 'retry-wait'")
        words = "SELECT state, crashes FROM command WHERE command_id = ANY($1::text[])"
        rows = await self.place.rows(words, self.taken)
        assert {row["crashes"] for row in rows} == {0}
        return len(rows) == len(self.taken) and {row["state"] for row in rows} == {"completed"}


@asynccontextmanager
async def full(place: Place) -> AsyncIterator[None]:
    """Every connection that the server has is somebody else's, and does nothing."""
    idle: list[asyncpg.Connection] = []
    url = place.running.stack.endpoints.database_superuser_url
    async with AsyncExitStack() as held:
        while True:
            try:
                idle.append(await asyncpg.connect(url))
            except asyncpg.TooManyConnectionsError:
                words = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'changegate'"
                if not await idle[0].fetch(words):
                    break
            else:
                held.push_async_callback(idle[-1].close)
        yield
