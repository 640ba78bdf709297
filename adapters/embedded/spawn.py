"""A process begins through the launcher, so that it cannot outlive us, with nothing of ours but its output."""

import asyncio
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from adapters.embedded import launcher
from adapters.embedded.logfile import LogFile
from adapters.embedded.machine import LINUX
from adapters.embedded.program import Program


class Watch(StrEnum):
    """Who ends the child when our process is killed."""

    KERNEL = "kernel"
    PIPE = "pipe"


def native_watch() -> Watch:
    return Watch.KERNEL if LINUX else Watch.PIPE


class Leash:
    """Our end of the pipe that the launcher watches; nothing at all where the kernel watches."""

    def __init__(self, watch: Watch) -> None:
        self._far: int | None = None
        self._near: int | None = None
        if watch is Watch.PIPE:
            self._far, self._near = os.pipe()

    @property
    def inherited(self) -> tuple[int, ...]:
        return () if self._far is None else (self._far,)

    def hand_over(self) -> None:
        if self._far is not None:
            os.close(self._far)
            self._far = None

    def release(self) -> None:
        self.hand_over()
        if self._near is not None:
            os.close(self._near)
            self._near = None


async def spawn(program: Program, output: BinaryIO, leash: Leash) -> asyncio.subprocess.Process:
    pipe = str(leash.inherited[0]) if leash.inherited else "-"
    orders = (str(os.getpid()), pipe, str(int(program.orphan_signal)), str(program.account or "-"))
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-ISB", launcher.__file__, *orders, *program.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(program.env),
            cwd=program.folder,
            # Its own session: Ctrl-C in our terminal reaches us alone, and we stop the children in order.
            start_new_session=True,
            pass_fds=leash.inherited,
        )
    finally:
        leash.hand_over()


async def run_to_end(program: Program, folder: Path) -> tuple[int, LogFile]:
    """Run a program that ends by itself; its exit code, and what it said (`<folder>/logs/<name>.log`)."""
    log = LogFile(folder / "logs" / f"{program.name}.log")
    log.renew()
    leash = Leash(native_watch())
    try:
        with log.appending() as output:
            process = await spawn(program, output, leash)
        try:
            return await process.wait(), log
        except BaseException:
            process.kill()
            await process.wait()
            raise
    finally:
        leash.release()
