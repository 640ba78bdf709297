"""A process is gone when the last of its threads is, not when its first one is."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.embedded.machine import LINUX, born

Until = Callable[[Callable[[], object]], Awaitable[None]]

HEADLESS = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""
"""The first thread ends; the second one lives until its input is closed."""


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not LINUX, reason="reads what Linux says of a process")
class TestProcess:
    async def test_lives_as_long_as_one_of_its_threads(self, until: Until) -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", HEADLESS, stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        began = born(process.pid)
        await until(lambda: state_of(process.pid) == "Z")
        assert born(process.pid) == began is not None
        process.stdin.close()
        await process.wait()
        assert born(process.pid) is None
