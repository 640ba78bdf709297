"""Whoever watches is told of each event once it is numbered, or that it has to read everything anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from application.events.tails import AT_ONCE, Tail, Tails
from application.ports.store import News, Store
from domain.environments import Environment
from domain.errors import TooMany
from domain.events import Event, EventType
from domain.people import Actor, Permission

MOST_WATCHERS = 1000


class TooManyWatchers(TooMany):
    """Too many watch this tenant through this process; try again in a moment, or share one stream."""

    kind = "too-many-watchers"


@dataclass(frozen=True)
class Scene:
    """What is watched: an environment, or all, and keys that begin so."""

    environment: Environment | None = None
    prefix: str = ""


@dataclass(frozen=True)
class Seen:
    """`position` is where to go on; with `resync` events may have been missed, and everything must be read anew."""

    position: int
    events: tuple[Event, ...] = ()
    resync: bool = False

    @property
    def silent(self) -> bool:
        return not self.events and not self.resync


class Watching:
    """Raises PermissionMissing and TooManyWatchers; what an actor may not read is not told."""

    def __init__(self, store: Store, *, most: int = MOST_WATCHERS) -> None:
        self._store = store
        self._most = most
        self._tails = Tails(store)

    async def follow(self, news: News) -> None:
        """Runs as long as the process."""
        await self._tails.follow(news)

    async def present(self, actor: Actor) -> int:
        """Where to begin: what is read after this was told is at least as new."""
        _check(actor)
        async with self._store.transaction(actor.tenant) as tx:
            return (await tx.events.line()).position

    async def wait(self, actor: Actor, scene: Scene, position: int, seconds: float) -> Seen:
        """As soon as there is something, or nothing when so many seconds have passed."""
        async with self.seated(actor) as tail:
            return await self.next(actor, scene, tail, position, seconds)

    async def next(self, actor: Actor, scene: Scene, tail: Tail, position: int, seconds: float) -> Seen:
        """The same for one who is seated."""
        _check(actor)
        deadline = asyncio.get_running_loop().time() + seconds
        seen = await self._look(actor, scene, tail, position)
        while seen.silent:
            try:
                async with asyncio.timeout_at(deadline):
                    await tail.beyond(seen.position)
            except TimeoutError:
                break
            seen = await self._look(actor, scene, tail, seen.position)
        return seen

    @asynccontextmanager
    async def seated(self, actor: Actor) -> AsyncIterator[Tail]:
        _check(actor)
        async with self._tails.held(actor.tenant) as tail:
            if tail.watchers > self._most:
                raise TooManyWatchers(retry_after=5)
            yield tail

    async def _look(self, actor: Actor, scene: Scene, tail: Tail, position: int) -> Seen:
        events = tail.after(position)
        if events is None:
            async with self._store.transaction(actor.tenant) as tx:
                line = await tx.events.line()
                if not line.forgotten <= position <= line.position:
                    return Seen(line.position, resync=True)
                events = await tx.events.after(position, AT_ONCE)
        if not events:
            return Seen(position)
        told = tuple(
            event for event in events if event.concerns(scene.environment, scene.prefix) and _may_read(actor, event)
        )
        return Seen(events[-1].position or position, told)


def _check(actor: Actor) -> None:
    if Permission.FEATURES_READ not in actor.permissions:
        actor.require(Permission.SETTINGS_READ)


def _may_read(actor: Actor, event: Event) -> bool:
    if event.type is EventType.DEPLOYMENT_MOVED:
        return Permission.CHANGE_READ in actor.permissions
    if event.type.of_periods:
        return Permission.PERIODS_READ in actor.permissions
    return (Permission.FEATURES_READ if event.type.of_flags else Permission.SETTINGS_READ) in actor.permissions
