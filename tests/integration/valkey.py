"""A Valkey of a test's own, to be killed, stopped and started again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis

from adapters.embedded.valkey import Valkey, find_valkey


class Server:
    """Valkey as the embedded installation starts it, but ours to hurt."""

    def __init__(self, folder: Path, port: int) -> None:
        binary = find_valkey()
        assert binary is not None
        self.valkey = Valkey(folder, port, binary)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = self.valkey.program()
        await program.prepare()
        self._process = await asyncio.create_subprocess_exec(*program.argv, stdout=asyncio.subprocess.DEVNULL)
        await until(program.ready)

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self._process is not None
        await self._process.wait()

    async def flush(self) -> None:
        redis = Redis.from_url(self.valkey.url)
        await redis.flushall()
        await redis.aclose()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 -- what is waited for happens outside of this process
            await asyncio.sleep(0.05)
