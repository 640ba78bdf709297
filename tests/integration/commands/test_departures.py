"""A process that a handler starts follows from its command: it is there exactly when that took effect."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from domain.canonical import Json
from domain.commands import CommandState
from domain.commands.outcomes import HandlerKind, Permanent
from domain.sagas import Saga
from tests.conftest import House
from tests.sagas import BOOK, TRIP, wish
from tests.works import Note, Site

S = CommandState


class Departures:
    @handles("works.depart", Note, HandlerKind.TRANSACTIONAL)
    async def depart(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        del connection
        started = await order.start(wish(order.command.id))
        if note.words == "no":
            raise Permanent("no")
        return {"replayed": started.replayed}

    @handles("works.call-a-cab", Note, HandlerKind.EXTERNAL)
    async def call_a_cab(self, order: Order, note: Note) -> Json:
        del note
        return {"replayed": [(await order.start(wish(order.command.id))).replayed for _ in range(2)]}


async def executed(site: Site, house: House, kind: str, words: str) -> tuple[CommandState, Json, Saga | None]:
    handlers = Handlers(Departures())
    await site.store.put_process_types(BOOK.types())
    async with site.store.transaction(site.tenant) as tx:
        record = site.sent("42", tx.now, kind, {"words": words}, correlation=uuid4())
        await tx.commands.add([replace(record, sender=house.ada.id)])
    await site.execute(Executing(site.store, handlers))
    stand = await site.stand("42")
    async with site.store.transaction(site.tenant) as tx:
        saga = await tx.sagas.get((TRIP, "42"))
    if saga is not None:
        assert (saga.correlation, saga.causation, saga.starter) == (
            record.command.options.correlation, "works/42", house.ada.id,
        )  # fmt: skip
    return stand.state, stand.result, saga


@pytest.mark.req("CB-09", "S057")
class TestDeparture:
    async def test_it_is_started_with_what_the_handler_writes(self, site: Site, house: House) -> None:
        state, result, saga = await executed(site, house, "works.depart", "go")
        assert (state, result, saga is None) == (S.COMPLETED, {"replayed": False}, False)

    async def test_of_one_that_fails_it_was_never_started(self, site: Site, house: House) -> None:
        state, _, saga = await executed(site, house, "works.depart", "no")
        assert (state, saga) == (S.PARKED, None)

    async def test_one_that_calls_starts_it_at_once_and_once(self, site: Site, house: House) -> None:
        state, result, saga = await executed(site, house, "works.call-a-cab", "go")
        assert (state, result, saga is None) == (S.COMPLETED, {"replayed": [False, True]}, False)
