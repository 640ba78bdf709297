"""Calls that hang hold up neither their lane nor their domain; so many of them, and a slow database has no more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.memory.chunks import MemoryChunks
from adapters.memory.store import MemoryStore
from adapters.temporal.chunks import SLOTS
from application.commands import relaying
from application.commands.handling import Handlers
from application.commands.relaying import EACH, IN_FLIGHT, SLOW, SLOW_EACH, CommandRelay
from domain.commands import Command, CommandRecord, Options
from tests.contract.homes import moved_in
from tests.works import Works


def record(tenant: UUID, name: str, kind: str, crashes: int, at: datetime) -> CommandRecord:
    asked = Options(correlation=uuid4())
    return CommandRecord(Command(kind, name, {}, options=asked), tenant, "", None, at, at, crashes=crashes)


class Street:
    """Tenants whose commands are never carried out to an end, one in a lease."""

    def __init__(self) -> None:
        self.chunks = MemoryChunks()
        self.store: Any = MemoryStore()
        self.relay = CommandRelay(self.store, self.store, self.chunks, Handlers(Works()), most=1)

    async def tenant(self) -> UUID:
        return (await moved_in(self.store)).tenant.id

    async def send(self, tenant: UUID, many: int, kind: str = "works.call", crashes: int = 0) -> None:
        async with self.store.transaction(tenant) as tx:
            await tx.commands.add([record(tenant, f"{kind}-{each}", kind, crashes, tx.now) for each in range(many)])

    async def led(self) -> int:
        """How many leases of all there are."""
        await self.relay.round()
        return self.relay.flying


@pytest_asyncio.fixture
async def street(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    """Whatever is not over at the next look is slow."""
    monkeypatch.setattr(relaying, "PACE", replace(relaying.PACE, slow=0.0))
    made = Street()
    yield made
    await made.chunks.stop()


@pytest.mark.req("CB-33")
@pytest.mark.parametrize(
    ("kind", "crashes", "most"), [("works.call", 0, SLOW_EACH + EACH), ("works.write", 0, EACH), ("works.call", 1, 1)]
)
async def test_of_a_lane_there_are_so_many(street: Street, kind: str, crashes: int, most: int) -> None:
    """The next one waits, until one is over."""
    await street.send(await street.tenant(), most + 1, kind, crashes)
    assert await street.led() == most
    await street.chunks.stop()
    await street.relay.settled()
    assert await street.led() == 1


@pytest.mark.req("CB-33")
async def test_of_a_domain_there_are_so_many(street: Street) -> None:
    for _ in range(5):
        await street.send(await street.tenant(), SLOW_EACH)
    assert await street.led() == SLOW + IN_FLIGHT


def test_a_worker_has_a_slot_for_whatever_one_relay_leads() -> None:
    suspects = IN_FLIGHT
    assert IN_FLIGHT + SLOW + suspects <= SLOTS


@pytest.mark.req("CB-33")
async def test_what_hangs_takes_no_place_of_others(street: Street) -> None:
    """A lane full of calls that hang has room for as much as ever, and so has one beside it."""
    full, beside = await street.tenant(), await street.tenant()
    await street.send(full, SLOW_EACH)
    assert await street.led() == SLOW_EACH
    for each in (full, beside):
        await street.send(each, EACH + 1, "works.write")
    assert await street.led() == SLOW_EACH + 2 * EACH


@pytest.mark.req("CB-33")
async def test_until_it_is_slow_it_is_as_any_other(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "PACE", replace(relaying.PACE, slow=3600.0))
    patient = CommandRelay(street.store, street.store, street.chunks, Handlers(Works()), most=1)
    await street.send(await street.tenant(), EACH + 1)
    assert await patient.round() == EACH
