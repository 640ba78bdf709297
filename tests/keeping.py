"""Applications under Node, each in a process of its own: pages that keep flags, and servers that ask for each."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60


@dataclass
class Page:
    process: asyncio.subprocess.Process
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def tells(self, event: str, value: str | None = None) -> dict[str, Any]:
        """The next thing of this kind that it sees, with this value of the flag where one is named."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await self.process.stdout.readline():
                told: dict[str, Any] = json.loads(line)
                self.seen.append(told)
                if told["event"] == event and value in (None, told["value"]):
                    return told
        raise AssertionError(f"it ended, after {self.seen}")

    async def change(self, **context: Any) -> dict[str, Any]:
        self._say(json.dumps(context))
        return await self.tells("context")

    async def look(self) -> Any:
        """What it has now: a page of its flag, without asking anybody, and a server of all of them."""
        self._say("")
        return (await self.tells("look"))["value"]

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")


@asynccontextmanager
async def pages(home: Path, program: str = "keep.mjs") -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Opens them, with the address of the server and who asks there; all are closed in the end."""
    opened: list[Page] = []

    async def open_page(*arguments: str) -> Page:
        process = await asyncio.create_subprocess_exec(
            "node", "--experimental-eventsource", program, *arguments, cwd=home, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        opened.append(Page(process))
        return opened[-1]

    try:
        yield open_page
    finally:
        for each in opened:
            if each.process.returncode is None:
                each.process.kill()
            await each.process.communicate()
