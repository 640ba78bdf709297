"""SIGTERM ends an embedded run as Ctrl-C does: in order, with every child stopped."""

import asyncio
import os
import signal
import threading
from types import TracebackType
from typing import Self

EXIT_CODE = 128 + signal.SIGTERM


class OrderlyTermination:
    """While entered, SIGTERM cancels the task that entered; on leaving, that cancellation becomes `SystemExit(143)`.

    It leaves alone a handler that somebody else installed, and does nothing outside the main thread.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._installed = False
        self._arrived = False

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self._arrived and isinstance(error, asyncio.CancelledError):
            raise SystemExit(EXIT_CODE) from None

    def _restore(self) -> None:
        if self._installed:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
            self._installed = False

    def _end(self) -> None:
        self._arrived = True
        if self._task is None or self._task.done():
            # Nobody waits here any more (a test session's set-up task is over): die, and the children with us.
            self._restore()
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._task.cancel()
