"""One more worker is one command, and says at its terminal how many commands it executes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.conftest import eventually
from tests.e2e.terminal import LONGEST_SECONDS, ROOT, Person, changegate

HANDLERS = "tests.e2e.greeting:greet"


class Screen:
    """What a program shows to whoever sits at its terminal."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader) -> None:
        self.process, self._reader, self.text = process, reader, ""

    async def until(self, words: str) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            while words not in self.text:
                self.text += (await self._reader.read(1024)).decode()


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[Screen]:
    ours, its = os.openpty()
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("changegate")), "worker", cwd=ROOT, stdin=its, stdout=its, stderr=its,
        env={**os.environ, "CHANGEGATE_DATA": str(folder), "CHANGEGATE_HANDLERS": HANDLERS}, start_new_session=True,
    )  # fmt: skip
    os.close(its)
    reader = asyncio.StreamReader()
    with os.fdopen(ours, "rb", 0) as screen:
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, screen)
        try:
            yield Screen(process, reader)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            transport.close()


@pytest.mark.req("S006")
async def test_it_says_how_many_commands_it_executes_and_ends_when_it_is_told(tmp_path: Path) -> None:
    async with changegate(tmp_path, "up") as running:
        await running.until("Ctrl-C stops everything.")
        root = Person(tmp_path, "root")
        async with worker(tmp_path) as screen:
            await screen.until("worker.ready")
            await eventually(lambda: declared(root))
            await root.do("/commands", {"type": "greeting.greet", "id": "1", "payload": {"name": "Ada"}})
            await screen.until("greeting: ")
            sent = await root.see("/commands/greeting/1")
            assert (sent["state"], sent["result"]) == ("completed", {"said": "Hello Ada"})
            screen.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(LONGEST_SECONDS):
                assert await screen.process.wait() == 0


async def declared(somebody: Person) -> bool:
    return any(each["type"] == "greeting.greet" for each in (await somebody.see("/command-types"))["items"])
