"""A child process is running, being brought back, or stopped on purpose; it never outlives us."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from adapters.embedded.errors import ServerDidNotStart
from adapters.embedded.logfile import LogFile
from adapters.embedded.orphans import Register
from adapters.embedded.program import Program
from adapters.embedded.spawn import Leash, Watch, native_watch, spawn
from domain.errors import Refusal

READY_PAUSE_SECONDS = 0.03
LOG_CHECK_SECONDS = 30.0
FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 10.0
SETTLED_SECONDS = 30.0

log = structlog.get_logger(__name__)


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Death:
    """A child ended without being asked; `code` is negative for a signal."""

    name: str
    pid: int
    code: int


class Child:
    """One supervised process of `program`; its output goes to `<folder>/logs/<name>.log`.

    `pid` is the process that was started: the program itself, or the one that watches it (`Watch.PIPE`).
    """

    def __init__(
        self,
        program: Program,
        folder: Path,
        *,
        watch: Watch | None = None,
        on_death: Callable[[Death], None] = lambda _: None,
    ) -> None:
        self.program = program
        self.log = LogFile(folder / "logs" / f"{program.name}.log")
        self.state = State.STOPPED
        self.restarts = 0
        self._register = Register(folder)
        self._watch = watch or native_watch()
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._leash: Leash | None = None
        self._supervision: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Return when the program is ready; raise `ServerDidNotStart`, with nothing left behind, when it is not."""
        self.state = State.STARTING
        self.log.renew()
        began = time.perf_counter()
        try:
            await self._first_launch()
        except BaseException:
            self.state = State.FAILED
            raise
        self.state = State.RUNNING
        self._supervision = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")
        log.info("child_ready", name=self.name, pid=self.pid, seconds=round(time.perf_counter() - began, 3))

    async def stop(self) -> None:
        """End the program gracefully, by force after its grace; safe to call twice."""
        if self.state is State.STOPPED:
            return
        self.state = State.STOPPING
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
            self._supervision = None
        await self._end()
        self.state = State.STOPPED
        log.info("child_stopped", name=self.name)

    async def _first_launch(self) -> None:
        for attempt in range(1, self.program.tries):
            with suppress(ServerDidNotStart):
                return await self._launch()
            await asyncio.sleep(backoff(attempt))
        return await self._launch()

    async def _launch(self) -> None:
        await self.program.prepare()
        try:
            self._leash = Leash(self._watch)
            with self.log.appending() as output:
                self._process = await spawn(self.program, output, self._leash)
            self._register.note(self.name, self._process.pid)
            await self._until_ready(self._process)
        except BaseException:
            await self._end()
            raise

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(self.program.patience):
                while process.returncode is None:
                    if await self.program.ready():
                        return
                    await asyncio.sleep(READY_PAUSE_SECONDS)
        except TimeoutError:
            raise self._refusal(f"it was not ready within {self.program.patience:g} seconds") from None
        raise self._refusal(f"it ended with code {process.returncode}")

    async def _supervise(self) -> None:
        deaths_in_a_row = 0
        while (process := self._process) is not None:
            began = time.monotonic()
            code = await self._ended(process)
            self.state = State.RESTARTING
            log.warning("child_died", name=self.name, pid=process.pid, code=code)
            self._on_death(Death(self.name, process.pid, code))
            deaths_in_a_row = 1 if time.monotonic() - began > SETTLED_SECONDS else deaths_in_a_row + 1
            await self._end()
            await self._revive(deaths_in_a_row)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOG_CHECK_SECONDS):
                    return await process.wait()
            self.log.cap()

    async def _revive(self, attempt: int) -> None:
        while True:
            await asyncio.sleep(backoff(attempt))
            try:
                await self._launch()
            except (Refusal, OSError) as error:
                attempt += 1
                log.warning("child_not_back", name=self.name, attempt=attempt, error=str(error))
            else:
                self.restarts += 1
                self.state = State.RUNNING
                log.info("child_back", name=self.name, pid=self.pid, restarts=self.restarts)
                return

    async def _end(self) -> None:
        process = self._process
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(self.program.stop_signal)
                try:
                    async with asyncio.timeout(self.program.grace):
                        await process.wait()
                except TimeoutError:
                    log.warning("child_killed", name=self.name, after_seconds=self.program.grace)
            # The group holds what the program itself started, and the program when its watcher died first.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            self._register.forget(self.name)
            self._process = None
        if self._leash is not None:
            self._leash.release()
            self._leash = None

    def _refusal(self, reason: str) -> ServerDidNotStart:
        return ServerDidNotStart(name=self.name, reason=reason, log=str(self.log.path), tail=self.log.tail())


def backoff(attempt: int) -> float:
    """Seconds before the given attempt (from 1): doubling, capped, with a quarter of jitter."""
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.75, 1)
