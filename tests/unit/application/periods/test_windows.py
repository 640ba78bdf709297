"""A gate that was reopened for a while takes nothing after that while, whether or not it was shut by then."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from application.ports.periods import PostingAsked
from domain.closures import LaterPolicy, Reopening, ReopenReason, ReopenWish
from domain.periods import Operation, Posting
from tests.gatekeeping import LONG_AGO, WHY
from tests.unit.application.periods.advising import Adviser
from tests.world import World

MARCH = "2024-03"


@pytest.mark.req("FP68")
async def test_advice_is_no_from_the_end_of_the_window_on(world: World) -> None:
    here, root, ends = Adviser(world), world.root, world.clock() + timedelta(hours=1)
    await here.books.furnish(2024)
    await here.books.stand(MARCH, "AP", "closed")
    key = here.books.key(MARCH, "AP")
    wish = ReopenWish(ReopenReason.TAX, "the auditors asked for this entry", ends, ("AP",), later=LaterPolicy.ISOLATE)
    asked = Reopening(
        uuid4(), world.tenant.id, "acme", key.period, MARCH, ("AP",), wish, root.id, uuid4(), LONG_AGO
    )  # fmt: skip
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.reopenings.add(asked)
        gate = (await tx.periods.hold([key]))[key]
        await tx.periods.move([gate.reopened(Posting.ADJUST_ONLY, root.id, tx.now, WHY)])
        opened = asked.opened((), tx.now)
        await tx.reopenings.save(opened)
        await tx.reopenings.open(opened, [key])
    told = []
    for moment in (ends - timedelta(seconds=1), ends, ends + timedelta(seconds=1)):
        world.clock.now = moment
        told.append(await here.told(operation="adjustment", by=root))
    assert told == ["", "not-adjustable", "not-adjustable"]


@pytest.mark.req("FP68")
async def test_advice_is_no_from_the_last_entry_on(world: World) -> None:
    here, root, ends = Adviser(world), world.root, world.clock() + timedelta(hours=1)
    await here.books.furnish(2024)
    await here.books.stand(MARCH, "AP", "closed")
    key = here.books.key(MARCH, "AP")
    wish = ReopenWish(ReopenReason.TAX, "the auditors asked for this entry", ends, ("AP",), most_entries=1)
    asked = Reopening(
        uuid4(), world.tenant.id, "acme", key.period, MARCH, ("AP",), wish, root.id, uuid4(), LONG_AGO
    )  # fmt: skip
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.reopenings.add(asked)
        gate = (await tx.periods.hold([key]))[key]
        await tx.periods.move([gate.reopened(Posting.ADJUST_ONLY, root.id, tx.now, WHY)])
        opened = asked.opened((), tx.now)
        await tx.reopenings.save(opened)
        await tx.reopenings.open(opened, [key])
    assert await here.told(operation="adjustment", by=root) == ""
    async with world.store.transaction(world.tenant.id) as tx:
        day = date(2024, 3, 15)
        await tx.periods.assert_postable(PostingAsked("acme", "AP", Operation.ADJUSTMENT, day, root.id))
    again = Adviser(world)
    again.books = here.books
    assert await again.told(operation="adjustment", by=root) == "not-adjustable"
