"""Who has nothing to do is told of a send, and finds it by itself where nobody tells."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.chunks import MemoryChunks
from adapters.postgres.listener import Listener
from application.commands import relaying
from application.commands.relaying import CommandRelay
from tests.integration.commands.bound import until
from tests.works import Lanes, Site
from worker import ended

SOON = timedelta(minutes=2)


class Deaf:
    """A line on which nothing is ever heard."""

    async def listen(self) -> AsyncIterator[object | None]:
        await asyncio.Event().wait()
        yield None


class TestNews:
    @pytest.mark.req("S007")
    async def test_who_has_nothing_to_do_hears_of_a_send(
        self, site: Site, chunks: MemoryChunks, database_url: str
    ) -> None:
        """Its next look would be in a minute."""
        listener = Listener(database_url)
        lanes = Lanes(site.store, (site.tenant,))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(relaying, "PACE", replace(relaying.PACE, idle=60.0, listens=SOON))
            relay = CommandRelay(site.store, lanes, chunks, site.handlers, listener.commands)
            running = asyncio.create_task(relay.run())
            await until(lambda: listener.alive and lanes.asked >= 2)
            await site.send("1")
            await until(lambda: site.works.calls == ["works/1:1"])
            await ended(running)

    @pytest.mark.req("CB-29", "S007")
    async def test_what_nobody_told_it_of_it_finds_by_itself(self, site: Site, chunks: MemoryChunks) -> None:
        lanes = Lanes(site.store, (site.tenant,))
        running = asyncio.create_task(CommandRelay(site.store, lanes, chunks, site.handlers, Deaf()).run())
        await until(lambda: lanes.asked >= 2)
        await site.send("1")
        await until(lambda: site.works.calls == ["works/1:1"])
        await ended(running)
