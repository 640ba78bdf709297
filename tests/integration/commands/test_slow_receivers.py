"""Commands for one that hangs arrive one by one, and hold up neither their lane nor another of the domain."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from pydantic import BaseModel

from adapters.postgres.store import PostgresStore
from application.commands import relaying
from application.commands.handling import Order, handles
from domain.canonical import Json
from domain.commands.bounds import AT_ONCE_APART
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from tests.conftest import housed
from tests.integration.commands.bound import S, at_work, counted, named, until
from tests.works import Site, Works


class Told(BaseModel):
    to: str


@dataclass
class Post(Works):
    """One of its receivers answers after `mended` only."""

    mended: asyncio.Event = field(default_factory=asyncio.Event)

    @handles(
        "works.tell", Told, HandlerKind.EXTERNAL, policy=TypePolicy(depends_on="hooks", apart="/to", timeout_seconds=60)
    )
    async def tell(self, order: Order, told: Told) -> Json:
        self.calls.append(order.idempotency_key)
        if told.to == "hangs":
            await self.mended.wait()
        return told.to


@pytest.mark.req("CB-33", "CB-58")
async def test_hold_up_nobody_else(site: Site, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tenants have as many as would fill the relay; then come a write, a call to another, and a third tenant."""
    monkeypatch.setattr(relaying, "PACE", replace(relaying.PACE, slow=0.0))
    post = Post()
    first, second, third = (
        Site(each, store, site.owner, post) for each in (site.tenant, *[(await housed(store)).id for _ in range(2)])
    )
    await store.put_command_types(first.handlers.known())
    hang = named("h", AT_ONCE_APART)
    async with at_work(first, second, third, workers=1) as shift:
        for name in hang:
            for each in (first, second):
                await each.send(name, type="works.tell", payload={"to": "hangs"})
                await shift.round()
        await until(lambda: len(post.calls) == 2 * AT_ONCE_APART)
        assert shift.relays[0].flying == relaying.IN_FLIGHT
        await first.send("write")
        await first.send("other", type="works.tell", payload={"to": "well"})
        await third.send("theirs")
        assert await shift.round() == 3
        await until(lambda: shift.relays[0].flying == relaying.IN_FLIGHT)
        assert await first.states("write", "other") == [S.COMPLETED] * 2
        assert await third.states("theirs") == [S.COMPLETED]
        for each in (first, second):
            assert await counted(each, hang) == {S.RUNNING: AT_ONCE_APART}
        post.mended.set()
        await shift.settled()
    for each in (first, second):
        assert await counted(each, hang) == {S.COMPLETED: AT_ONCE_APART}
