"""A picture is read once, and again whenever the server says that something changed; no answer leaves it as it is."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from changegate import calls
from changegate.calls import News
from changegate.errors import ChangegateError
from changegate.hearing import heard
from changegate.picture import Change, Picture, changes
from changegate.snapshot import Snapshot
from changegate.source import Source
from changegate.wire import backoff

LONGEST_PAUSE: Final = 30.0
KEPT_EVERY: Final = 300.0
CHECKED_EVERY: Final = 20.0

log = logging.getLogger("changegate")


class Follower:
    """Keeps a picture fresh for as long as `run` runs; readers take `picture` as it is, from any thread."""

    def __init__(self, source: Source, tell: Callable[[list[Change]], None], snapshot: Snapshot | None = None) -> None:
        self.picture = Picture()
        self.known_at: float | None = None
        self.fresh = False
        self.error: ChangegateError | None = None
        self._source = source
        self._tell = tell
        self._snapshot = snapshot
        self._kept_at = 0.0
        self._checked_at = time.time()
        self._seen_at = time.time()
        self._alone = asyncio.Lock()
        self._replaced = asyncio.Event()
        self._applied = 0
        self._acknowledged = 0

    @property
    def holds(self) -> int:
        """The epoch of which nothing is missing in the picture."""
        return max(self.picture.whole, self._applied)

    async def begin(self) -> str:
        """Reads everything, and gives where to go on; Refused or Unreachable."""
        cursor = await self._source.cursor()  # before reading: what changes meanwhile is told again
        async with self._alone:
            await self._take(await self._source.whole(self.picture.epoch))
        return cursor

    def recall(self) -> bool:
        """The last known picture; False where none was kept."""
        found = self._snapshot.read() if self._snapshot else None
        if found is not None:
            self.picture, self.known_at = found
        return found is not None

    async def run(self, cursor: str | None, *, stream: bool) -> None:
        """Until it is cancelled."""
        clock = asyncio.create_task(self._clock())
        try:
            await self._listen(cursor, stream=stream)
        finally:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)

    async def _listen(self, cursor: str | None, *, stream: bool) -> None:
        failures = 0
        while True:
            try:
                at = cursor or await self.begin()
                source = self._source
                async for news in heard(source.transport, source.scene, at, stream=stream, said=self._said):
                    failures = 0
                    await self._follow(news)
                    if stream:
                        await self._acknowledge()
            except ChangegateError as error:
                failures += 1
                self._lose(error)
                await asyncio.sleep(backoff(failures, LONGEST_PAUSE))
            cursor = None  # who was away for a while reads everything again

    async def _follow(self, news: News) -> None:
        known = news.keys is not None and 0 < news.epoch <= self.picture.whole  # of a batch the rest, for example
        if news.keys is None or (news.keys and not known):
            async with self._alone:
                await self._take(await self._source.with_news(self.picture, news))
            self._applied = max(self._applied, news.epoch)
        elif self.error is None:
            await self._check()
            self.known_at = time.time()
            if time.time() > self._kept_at + KEPT_EVERY:
                await self.keep()

    def _said(self) -> dict[str, str]:
        self._acknowledged = self.holds
        return calls.said_by(self._source.instance, self.holds)

    async def _acknowledge(self) -> None:
        """A stream says nothing of itself once it is open; what this word misses the next one says."""
        if self.holds == self._acknowledged:
            return
        self._acknowledged = self.holds
        try:
            await self._source.acknowledge(self.holds)
        except ChangegateError as error:
            log.debug("what is held was not acknowledged: %s", error)

    async def _check(self) -> None:
        """Silence is no proof: whoever should have told may be away while the API answers."""
        if time.time() < self._checked_at + CHECKED_EVERY:
            return
        self._checked_at = time.time()
        epoch = await self._source.epoch()
        if epoch is not None and epoch > self.picture.epoch:
            async with self._alone:
                await self._take(await self._source.whole(epoch))

    async def _clock(self) -> None:
        """What is planned takes effect by itself; what is planned after it is asked for then."""
        while True:
            self._replaced.clear()
            due = self.picture.next_change(self._seen_at)
            try:
                async with asyncio.timeout(None if due is None else max(due - time.time(), 0) + 0.001):
                    await self._replaced.wait()
            except TimeoutError:
                self._show(self.picture)
                with suppress(ChangegateError):  # whoever listens hears of it as well
                    async with self._alone:
                        await self._take(await self._source.whole(self.picture.epoch))

    async def _take(self, picture: Picture) -> None:
        self._show(picture)
        self.known_at, self.fresh, self.error = time.time(), True, None
        self._replaced.set()
        await self.keep()

    def _show(self, picture: Picture) -> None:
        now = time.time()
        found = [] if self.known_at is None else changes(self.picture, picture, self._seen_at, now)
        self.picture, self._seen_at = picture, now
        if found:
            self._tell(found)

    def _lose(self, error: ChangegateError) -> None:
        if self.fresh or self.error is None:
            log.warning("settings are as they were last known: %s", error)
        self.fresh, self.error = False, error

    async def keep(self) -> None:
        """A disk that is full does not take settings away from anybody, and a write that began is waited for."""
        if self._snapshot is None or not self.fresh or self.known_at is None:
            return
        self._kept_at = time.time()
        work = asyncio.ensure_future(asyncio.to_thread(self._snapshot.write, self.picture, self.known_at))
        try:
            await asyncio.shield(work)
        except OSError as error:
            log.warning("the snapshot %s cannot be written: %s", self._snapshot.path, error)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise
