"""A line is held anew, whatever ended the one before."""

import asyncio

import pytest
from sqlalchemy.engine import make_url

from adapters.postgres.listener import COMMANDS, Listener
from tests.api.conftest import eventually
from tests.fronts import Wire, listening
from worker import ended

LAST_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"


class Dying(Wire):
    """Before a server that may say that it dies, and whose lines stay open."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.lines: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines.append(writer)
        await super().answer(reader, writer)

    async def say(self, words: bytes) -> None:
        self.lines[-1].write(b"E" + (len(words) + 4).to_bytes(4) + words)
        await self.lines[-1].drain()


@pytest.mark.req("CB-25")
async def test_a_server_that_dies_is_heard_again(database_url: str) -> None:
    """The driver calls it unexpected to be asked for more after the last words of a server."""
    url = make_url(database_url)
    dying, heard = Dying(url.host or "", url.port or 0), 0
    async with listening(dying.answer, "127.0.0.1") as port:
        listener = Listener(url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False))

        async def listen() -> None:
            nonlocal heard
            async for _ in listener.listen(COMMANDS):
                heard += 1

        task = asyncio.create_task(listen())
        for line in (1, 2, 3, 4):
            await eventually(lambda: listener.alive and heard == line)  # noqa: B023 -- it is asked in its turn
            await dying.say(LAST_WORDS)
        await ended(task)
