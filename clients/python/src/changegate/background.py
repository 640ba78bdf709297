"""Work that waits runs in a thread of its own, which ends when it is told to, and with the program."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

CLOSING: Final = 5.0


class Background:
    """One coroutine, from `start` until `stop`."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._work = work
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """No thread is left when this returns, unless it is called within it."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSING)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._main())

    async def _main(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a coroutine that runs has one
        self._loop, self._task = asyncio.get_running_loop(), task
        self._begun.set()
        await self._work()
