"""A receiver that hangs or is dead holds up nobody else, however much waits for it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from pydantic import BaseModel

from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.commands.limiting import Limiting, Wanted
from application.ports.store import Transaction
from domain.canonical import Json
from domain.commands import CommandRecord
from domain.commands.bounds import AT_ONCE_APART
from domain.commands.breakers import Breaker, BreakerState
from domain.commands.limits import Limit, LimitScope
from domain.commands.outcomes import HandlerKind, Transient
from domain.commands.policies import TypePolicy
from tests.integration.commands.bound import MOMENT, S, Shift, at_work, counted, named
from tests.works import Site

HOOKS = TypePolicy(depends_on="hooks", apart="/to", backoff=(1,), max_attempts=9)


class Told(BaseModel):
    to: str


@dataclass
class Post:
    """One that answers after `mended` only, one that never does until then, and others that do."""

    mended: asyncio.Event = field(default_factory=asyncio.Event)
    called: Counter[str] = field(default_factory=Counter)

    @handles("works.tell", Told, HandlerKind.EXTERNAL, policy=HOOKS)
    async def tell(self, order: Order, told: Told) -> Json:
        self.called[told.to] += 1
        if told.to == "hangs":
            await self.mended.wait()
        if told.to == "dead" and not self.mended.is_set():
            raise Transient("refused")
        return told.to


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def office(site: Site, post: Post) -> Site:
    site.handlers = Handlers(post)
    await site.store.put_command_types(site.handlers.known())
    return site


class TestOne:
    async def led(self, shift: Shift, office: Site, names: list[str]) -> None:
        """Round after round, though not everything that was led comes to an end."""
        async with asyncio.timeout(60):
            while (await counted(office, names))[S.COMPLETED] < len(names):
                await shift.round()
                await asyncio.sleep(0.02)

    @pytest.mark.req("CB-33", "CB-37", "CB-38", "CB-58")
    async def test_that_hangs_and_one_that_is_dead_hold_up_no_third(self, office: Site, post: Post) -> None:
        """Twenty of that one are executed though a thousand for the others have been due for longer."""
        hangs, dead, well = named("h", 500), named("d", 500), named("w", 20)
        await office.send(*hangs, type="works.tell", payload={"to": "hangs"}, priority=9)
        await office.send(*dead, type="works.tell", payload={"to": "dead"}, priority=9)
        await office.send(*well, type="works.tell", payload={"to": "well"}, priority=0)
        async with at_work(office, workers=2) as shift:
            await self.led(shift, office, well)
            assert await counted(office, hangs) == {S.RUNNING: AT_ONCE_APART, S.PENDING: 500 - AT_ONCE_APART}
            assert post.called["hangs"] == AT_ONCE_APART
            await self.shut(office, dead, post)
            post.mended.set()
            await shift.settled()
            assert (await counted(office, hangs))[S.COMPLETED] == AT_ONCE_APART

    async def shut(self, office: Site, dead: list[str], post: Post) -> None:
        """As many have failed as open it, and those beside them; the others were not tried, and none is."""
        (breaker,) = await self.troubled(office)
        assert (breaker.dependency, breaker.state) == ("hooks:dead", BreakerState.OPEN)
        stands = await office.stands(*dead)
        failed = [each for each in stands if each.attempt]
        assert HOOKS.breaks_after <= len(failed) == post.called["dead"] < HOOKS.breaks_after + 2 * AT_ONCE_APART
        assert {each.state for each in stands if not each.attempt} == {S.PENDING}

    @pytest.mark.req("CB-38", "CB-58")
    async def test_whose_breaker_opens_is_asked_by_one_until_it_answers(self, office: Site, post: Post) -> None:
        """What was leased for it goes back untried, but what runs beside the last failure or begins with its end.

        Each rest costs one attempt.
        """
        names = named("d", 20)
        await office.send(*names, type="works.tell", payload={"to": "dead"})
        await office.send("well", type="works.tell", payload={"to": "well"})
        told = await Executing(office.store, office.handlers).execute(office.tenant, await office.lease())
        assert (told["completed"], told["retry-wait"] + told["pending"]) == (1, 20)
        assert HOOKS.breaks_after <= told["retry-wait"] == post.called["dead"] <= HOOKS.breaks_after + AT_ONCE_APART
        async with at_work(office, workers=2) as shift:
            for probes in (1, 2, 3):
                await self.rested(office)
                assert await shift.work() == 1
                assert post.called["dead"] == told["retry-wait"] + probes
            post.mended.set()
            await self.rested(office)
            await shift.work()
        assert await self.troubled(office) == []
        assert (await counted(office, names))[S.COMPLETED] >= 20 - told["retry-wait"] - 3

    @pytest.mark.req("CB-38", "CB-58")
    async def test_that_may_be_asked_again_is_asked_by_whichever_relay_counts(self, office: Site) -> None:
        """Another that looks at the same moment leases nothing, and keeps nothing from the one that does."""
        await office.send(*named("d", 3), type="works.tell", payload={"to": "dead"})
        async with office.store.transaction(office.tenant) as tx:
            breaker = await tx.commands.breakers.lock("hooks:dead", LimitScope.TENANT)
            await tx.commands.breakers.save(replace(breaker, state=BreakerState.OPEN, until=tx.now - MOMENT))
            await tx.commands.limits.take([Limit("hooks")])
        async with office.store.transaction(office.tenant) as counts:
            await counts.commands.limits.take([Limit("hooks")])
            async with office.store.transaction(office.tenant) as looks:
                assert await self.leased(office, looks) == []
                assert len(await self.leased(office, counts)) == 1
        async with office.store.transaction(office.tenant) as late:
            assert await self.leased(office, late) == []

    async def leased(self, office: Site, tx: Transaction) -> list[CommandRecord]:
        return await Limiting(office.handlers).lease(tx, Wanted("works", 100, tx.now + MOMENT, uuid4()))

    async def troubled(self, office: Site) -> list[Breaker]:
        async with office.store.transaction(office.tenant) as tx:
            return await tx.commands.breakers.troubled()

    async def rested(self, office: Site) -> None:
        (breaker,) = await self.troubled(office)
        assert breaker.state is BreakerState.OPEN
        await office.owner.execute("UPDATE command_breaker SET held_until = now() WHERE tenant_id = $1", office.tenant)
