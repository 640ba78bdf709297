"""Every use case of events, over one store, and what runs with them as long as the process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

from application.events.listeners import Listeners, refreshing
from application.events.publishing import OwnFollower, Publisher
from application.events.relay import Relay
from application.events.watching import Watching
from application.events.webhooks import Webhooks
from application.ports.secrets import Sealer
from application.ports.store import News, Store
from application.settings.snapshots import SettingSnapshots


class EventListener(Protocol):
    """Hears of all of it on one line."""

    @property
    def flags(self) -> News: ...
    @property
    def settings(self) -> News: ...
    @property
    def events(self) -> News: ...


@dataclass(frozen=True)
class EventNews:
    """Word of what changed, and of what was told of it."""

    flags: News
    settings: News
    events: News

    @classmethod
    def of(cls, listener: "EventListener") -> Self:
        return cls(listener.flags, listener.settings, listener.events)


@dataclass(frozen=True)
class EventCases:
    watching: Watching
    webhooks: Webhooks
    publisher: Publisher
    listeners: Listeners
    news: EventNews

    @classmethod
    def over(
        cls, store: Store, sealer: Sealer, snapshots: SettingSnapshots, news: EventNews, own: Sequence[OwnFollower] = ()
    ) -> Self:
        listeners = Listeners(store, refreshing(snapshots))
        return cls(Watching(store), Webhooks(store, sealer), Publisher(store, own), listeners, news)

    async def follow(self) -> None:
        """Runs as long as the process."""
        await asyncio.gather(
            self.publisher.follow(self.news.flags, self.news.settings),
            self.watching.follow(self.news.events),
            self.listeners.follow(self.news.events),
        )


def relay(store: Store, days: int, own: Sequence[OwnFollower] = ()) -> Relay:
    """What a worker runs."""
    return Relay(store, Publisher(store, own), keep=timedelta(days=days))
