"""A flag set is followed for as long as somebody needs it; what was last known holds while nobody answers."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from changegate import kept
from changegate.errors import ChangegateError, Unavailable, Unreachable
from changegate.flag_document import Held, compiled
from changegate.flag_source import FlagSource
from changegate.models import Json

FORMAT: Final = "changegate-flags 1"
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
_SOON: Final = 1.0

log = logging.getLogger("changegate")


class Listener(Protocol):
    """Who is told, in the order of what happens."""

    def fresh(self) -> None:
        """There is a flag set, and it is followed: the first one, or again."""

    def stale(self, why: str) -> None: ...

    def moved(self, keys: Sequence[str]) -> None:
        """These flags are others than before."""


@dataclass(frozen=True)
class FlagFile:
    """The last known flag set of one API, tenant and environment."""

    path: Path
    place: tuple[str, ...]

    def write(self, held: Held) -> None:
        content = {"place": list(self.place), "tag": held.tag, "document": dict(held.document)}
        kept.write(self.path, FORMAT, content)

    def read(self) -> Held | None:
        try:
            return kept.read(self.path, FORMAT, self.place, _held)
        except Unreachable as error:
            log.warning("the snapshot %s is not used: %s", self.path, error)
            return None


class FlagFollower:
    """`held` is for any thread; `settled` is set once it is known with what to begin."""

    def __init__(self, source: FlagSource, listener: Listener, file: FlagFile | None, stale_after: float) -> None:
        self.held: Held | None = None
        self.error: ChangegateError | None = None
        self.settled = threading.Event()
        self._source = source
        self._listener = listener
        self._file = file
        self._stale_after = stale_after
        self._losing: asyncio.TimerHandle | None = None
        self._fresh = False

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            began, waiting = time.monotonic(), self._fresh and not failures
            try:
                newer = await self._source.newer(self.held, wait=waiting)
            except Exception as error:  # noqa: BLE001 -- whoever gives the token may fail in any way
                failures += 1
                self._lose(error if isinstance(error, ChangegateError) else Unreachable(f"not asked: {error!r}"))
                await asyncio.sleep(max(self._source.pause, full_jitter(failures)))
                continue
            failures = 0
            self._have(newer)
            if newer is None and waiting and time.monotonic() < began + _SOON:
                await asyncio.sleep(random.uniform(0, _SOON))  # a server that leaves, or a proxy, does not wait

    def _have(self, newer: Held | None) -> None:
        if self._losing is not None:
            self._losing.cancel()
            self._losing = None
        first, moved = not self._fresh, newer.moved if newer is not None and self.held is not None else ()
        self.held = newer or self.held
        self._fresh, self.error = True, None
        if first:
            self._listener.fresh()
        self.settled.set()
        if moved:
            self._listener.moved(moved)
        if newer is not None:
            self._keep(newer)

    def _lose(self, error: ChangegateError) -> None:
        """A refusal at the start is an error beside a file, too: starting with old flags would hide it."""
        if self.error is None:
            log.warning("flags are as they were last known: %s", error)
        self.error = error
        away = isinstance(error, Unreachable | Unavailable)
        if self.held is None and away and self._file is not None:
            self.held = self._file.read()
        if self.held is not None or not away:
            self.settled.set()
        if self._losing is None and self.held is not None:
            self._losing = asyncio.get_running_loop().call_later(self._stale_after, self._lost)

    def _lost(self) -> None:
        self._fresh = False
        self._listener.stale(str(self.error))

    def _keep(self, held: Held) -> None:
        """A disk that is full does not take flags away from anybody."""
        if self._file is None:
            return
        try:
            self._file.write(held)
        except OSError as error:
            log.warning("the snapshot %s cannot be written: %s", self._file.path, error)


def full_jitter(attempt: int) -> float:
    """Seconds: up to a bound that doubles, and any number below it, so that many clients do not come at once."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * float(1 << min(attempt - 1, 20))))


def _held(found: Json) -> Held:
    return compiled(found["document"], str(found["tag"]))
