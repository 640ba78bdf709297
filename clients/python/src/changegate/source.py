"""Pictures are read from the API whole, of one moment, or with a few values anew."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Final

from changegate import calls
from changegate.calls import News
from changegate.errors import NotFound
from changegate.hearing import Scene
from changegate.models import Effective
from changegate.picture import Held, Picture
from changegate.transport import AsyncTransport
from changegate.wire import Call

FEW: Final = 20
TRIES: Final = 30
PLANS: Final = 1_000

log = logging.getLogger("changegate")


@dataclass(frozen=True)
class Source:
    """Reads pictures from the API, in the name of an instance if it has one."""

    transport: AsyncTransport
    scene: Scene
    instance: str | None = None

    async def cursor(self) -> str:
        scene = self.scene
        return (await self.transport.ask(calls.watch(scene.environment, scene.prefix, None, 0))).cursor

    async def epoch(self) -> int | None:
        """Of now; None where nothing is defined."""
        page, _ = await self.transport.ask(calls.effective_page(self.scene.environment, self.scene.scope, None, 1))
        return page[0].epoch if page else None

    async def acknowledge(self, epoch: int) -> None:
        if self.instance is not None:
            await self.transport.ask(calls.acknowledge(self.scene.environment, self.instance, epoch))

    async def whole(self, epoch: int = 0) -> Picture:
        """Every page of one epoch, which is not before `epoch`, unless that one does not come for a while."""
        told: list[Effective] = []
        for _ in range(TRIES):
            told = [each async for each in self._pages()]
            epochs = {each.epoch for each in told}
            if len(epochs) <= 1 and min(epochs, default=epoch) >= epoch:
                break
            await asyncio.sleep(0.1)  # somebody writes just now, or this server has not heard of it yet
        held = await self._held(each for each in told if each.key.startswith(self.scene.prefix))
        read_at = min((each.epoch for each in told), default=0)
        return Picture(dict(held), read_at, read_at)

    async def with_news(self, picture: Picture, news: News) -> Picture:
        """A few keys are read alone; what is not known so far may change more than itself."""
        keys, epoch = news.keys, max(news.epoch, picture.epoch)
        if keys is None or picture.parts + len(keys) > FEW or not keys <= picture.values.keys():
            return await self.whole(epoch)
        try:
            for _ in range(TRIES):
                told = [await self.transport.ask(self._one(key)) for key in sorted(keys)]
                epochs = {each.epoch for each in told}
                if len(epochs) == 1 and min(epochs) >= epoch:
                    return picture.with_values(await self._held(told), min(epochs))
                await asyncio.sleep(0.1)
        except NotFound:
            log.debug("a setting that was known is not defined any more")
        return await self.whole(epoch)

    async def _pages(self) -> AsyncIterator[Effective]:
        cursor: str | None = None
        while True:
            call = calls.effective_page(self.scene.environment, self.scene.scope, cursor)
            page, cursor = await self.transport.ask(call)
            for each in page:
                yield each
            if cursor is None:
                return

    async def _held(self, told: Iterable[Effective]) -> list[tuple[str, Held]]:
        """With what is planned next, so that it takes effect on time whoever is away then."""
        held, planned = [], 0
        for each in told:
            now = Held.of(each)
            if each.next_change is not None and planned < PLANS:
                planned += 1
                then = await self.transport.ask(self._one(each.key, each))
                now = replace(now, then=Held.of(then))
            held.append((each.key, now))
        return held

    def _one(self, key: str, before: Effective | None = None) -> Call[Effective]:
        at = None if before is None else before.next_change
        return calls.effective(key, self.scene.environment, self.scene.scope, at)
