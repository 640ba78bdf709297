"""The `changegate` command as people start it: a program of its own on a data folder of its own."""

import asyncio
import os
import secrets
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from adapters.embedded.machine import born
from adapters.embedded.orphans import Register
from adapters.embedded.ports import Ports
from adapters.identity.issuer import EmbeddedIssuer
from cli.seed import TENANT

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 120
TLS = ssl.create_default_context()  # made once: it costs more than a request, and nothing here is encrypted


@dataclass
class Command:
    """One running command; `said` is what it printed so far."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.said)

    async def until(self, words: str) -> None:
        """Read on until a line holds `words`; fails when the command ends before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONGEST_SECONDS):
            while words not in self.text:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended without saying {words!r}:\n{self.text}"
                self.said.append(line)

    async def ended(self, seconds: float = LONGEST_SECONDS) -> int:
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            self.said.append((await self.process.stdout.read()).decode())
            return await self.process.wait()

    async def stopped(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return await self.ended()


@asynccontextmanager
async def changegate(folder: Path, *words: str, **env: str) -> AsyncIterator[Command]:
    """`changegate WORDS` with the data in `folder`; ended at the end, however the test goes."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("changegate")),
        *words,
        cwd=ROOT,
        env={**os.environ, "CHANGEGATE_DATA": str(folder), "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=2**20,
    )
    command = Command(process)
    try:
        yield command
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await command.ended(45)
            except TimeoutError:
                process.kill()
                await process.wait()


def children(folder: Path) -> dict[str, int]:
    """Every process that a run on this folder started and that lives, and what it started itself."""
    found = Register(folder).alive()
    return found | {f"{name}/{pid}": pid for name, parent in found.items() for pid in offspring(parent)}


def alive(pids: dict[str, int]) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if born(pid)}


def offspring(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(word) for word in listed.read_text().split()] if listed.exists() else []
    return found + [each for pid in found for each in offspring(pid)]


class Person:
    """Somebody with a token, at the API of the installation in this folder."""

    def __init__(self, folder: Path, handle: str) -> None:
        self.token = EmbeddedIssuer(folder / "keys").mint(handle)
        self.trace = secrets.token_hex(16)
        self._address = f"http://127.0.0.1:{Ports(folder).remembered('api')}"

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Changegate-Tenant": TENANT,
            "traceparent": f"00-{self.trace}-00f067aa0ba902b7-01",
        }
        async with httpx2.AsyncClient(base_url=self._address, trust_env=False, timeout=60, verify=TLS) as http:
            return await http.request(method, path, json=body, headers=headers)

    async def do(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self.ask("POST", f"/api/v1{path}", body or {})
        assert answer.is_success, answer.text
        return answer.json()

    async def see(self, path: str) -> Any:
        answer = await self.ask("GET", f"/api/v1{path}")
        assert answer.is_success, answer.text
        return answer.json()
