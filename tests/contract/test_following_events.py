"""A type follows events: the transaction that gives them their place sends it a command for each, in either store."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel

from application.commands.handling import Handlers, Order, handles
from application.events.publishing import Publisher, sent_after
from application.ports.commands import CommandFilter
from domain.canonical import Json
from domain.commands import CommandRecord
from domain.commands.answers import OWN
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from domain.events import Event, EventType, Subject, new_event_id
from domain.settings.warming import warming_after
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home

LOCKED = TypePolicy(follows=(EventType.FISCAL_PERIOD_LOCKED.value,))


class Told(BaseModel):
    id: str
    type: str


@handles("archive.bind-books", Told, HandlerKind.EXTERNAL, policy=LOCKED)
async def bind(order: Order, told: Told) -> Json:
    raise NotImplementedError


@handles("archive.count-books", Told, HandlerKind.EXTERNAL, policy=LOCKED)
async def count(order: Order, told: Told) -> Json:
    raise NotImplementedError


@handles("archive.count-books", Told, HandlerKind.EXTERNAL, version=2, policy=LOCKED)
async def count_better(order: Order, told: Told) -> Json:
    raise NotImplementedError


@handles("archive.bind-books", Told, HandlerKind.EXTERNAL)
async def bind_when_told(order: Order, told: Told) -> Json:
    raise NotImplementedError


async def serve(home: Home, *handlers: Any) -> None:
    """As a worker that starts does."""
    lanes: Any = home.store
    await lanes.put_command_types(Handlers(*handlers).types())


async def happens(home: Home, kind: EventType = EventType.FISCAL_PERIOD_LOCKED, **given: Any) -> Event:
    subject, environment = Subject("acme/2025-03", "GL", 5), given.pop("environment", None)
    event = Event(new_event_id(LONG_AGO), kind, home.tenant.id, environment, subject, LONG_AGO, home.ada.id, **given)
    async with home.transaction() as tx:
        await tx.events.add(event)
    return event


async def sent(home: Home, domain: str = "archive") -> list[CommandRecord]:
    async with home.transaction() as tx:
        found = await tx.commands.page(CommandFilter(domain=domain), None, 99)
    return sorted(found, key=lambda each: (each.command.type, each.command.id))


@pytest_asyncio.fixture
async def archive(home: Home) -> AsyncIterator[Home]:
    await serve(home, bind, count, count_better)
    yield home
    await serve(home, bind_when_told)


@pytest.mark.req("FP59", "CB-59")
async def test_every_follower_is_sent_what_happened_once(archive: Home) -> None:
    event = await happens(archive, change=uuid4())
    await happens(archive, EventType.FISCAL_PERIOD_OPENED)
    publisher = Publisher(archive.store)
    assert [await publisher.publish(archive.tenant.id) for _ in range(2)] == [2, 0]
    first, second = await sent(archive)
    assert [each.command.id for each in (first, second)] == [
        f"event:{event.id}:{verb}-books" for verb in ("bind", "count")
    ]
    assert [each.command.schema_version for each in (first, second)] == [1, 2]
    assert first.command.payload == event.to_json() | {"epoch": first.command.payload["epoch"]}
    assert (first.command.options.correlation, first.command.options.change, first.sender) == (event.change, None, None)


@pytest.mark.req("FP59", "CB-59")
async def test_what_is_rolled_back_is_followed_by_nothing(archive: Home) -> None:
    await happens(archive)
    with suppress(KeyError):
        async with archive.transaction() as tx:
            await sent_after(tx, await tx.events.number(9))
            raise KeyError
    assert await sent(archive) == []
    await Publisher(archive.store).publish(archive.tenant.id)
    assert len(await sent(archive)) == 2


@pytest.mark.parametrize("handlers", [(bind_when_told,), (bind_when_told, count_better)])
async def test_a_type_stops_when_its_newest_handler_says_so_or_is_no_more(
    archive: Home, handlers: tuple[Any, ...]
) -> None:
    await serve(archive, *handlers)
    await happens(archive)
    await Publisher(archive.store).publish(archive.tenant.id)
    assert [each.command.type for each in await sent(archive)] == ["archive.count-books"] * (len(handlers) - 1)


@pytest.mark.req("FR-CFG-009", "CB-35")
async def test_what_the_product_sends_itself_of_one_unique_key_is_one_that_is_not_over(home: Home) -> None:
    """Also when many events are told at once."""
    publisher, imported = Publisher(home.store, [warming_after]), EventType.CONFIGURATION_IMPORTED
    events = [await happens(home, imported, environment=each) for each in (DEV, DEV, PRODUCTION)]
    await happens(home, EventType.SETTING_CHANGED, environment=DEV)
    assert await publisher.publish(home.tenant.id) == len(events) + 1
    await happens(home, imported, environment=DEV)
    await publisher.publish(home.tenant.id)
    told = await sent(home, OWN)
    assert sorted(str(each.payload["environment"]) for each in told) == ["dev", "production"]
    assert {each.command.id for each in told} < {f"event:{event.id}:warm-settings" for event in events}
    async with home.transaction() as tx:
        leased = await tx.commands.lease(OWN, 9, tx.now, uuid4())
        await tx.commands.save([each.started().completed({}, tx.now) for each in leased])
    await happens(home, imported, environment=DEV)
    await publisher.publish(home.tenant.id)
    assert [len(leased), len(await sent(home, OWN))] == [2, 3]


@pytest.mark.parametrize("given", [{"follows": ("PeriodClosed",)}, {"follows": ("FiscalPeriodLocked",), "posts": "GL"}])
def test_what_can_be_followed_by_none_is_said_at_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no type of events: PeriodClosed|follows no event"):
        TypePolicy(**given)
