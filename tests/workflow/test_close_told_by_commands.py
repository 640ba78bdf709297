"""A close waits for the word that the handler of a module returns, and says meanwhile why there is none."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel
from temporalio.client import Client

from activities.commands import CommandActivities
from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from adapters.temporal.chunks import TemporalChunks, chunk_worker
from adapters.temporal.client import always, connect
from application.closures.desk import closures_heard
from application.commands.acts import Acts
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.commands.relaying import CommandRelay
from application.fences.answering import FenceAnswers
from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.tenants import Tenants
from domain.canonical import Json
from domain.closures import ClosureRun, RunState
from domain.commands import CommandState
from domain.commands.operations import Act, Decision
from domain.commands.outcomes import HandlerKind, Permanent
from domain.fences import FenceState
from domain.people import PrincipalKind, Role
from tests.conftest import House
from tests.contract.fencing import said
from tests.workflow.office import WHY, Office
from tests.workflow.theatre import seen
from tests.works import Lanes
from worker import ended

DOMAINS = ("storehouse", "changegate")


class Gate(BaseModel):
    epoch: int


@dataclass
class Storehouse:
    """A module whose handler has the epochs that it was told, and goes wrong as often as `ways` say how."""

    told: list[int] = field(default_factory=list)
    ways: list[Exception] = field(default_factory=list)

    @handles("storehouse.set-gate", Gate, HandlerKind.EXTERNAL)
    async def set_gate(self, order: Order, gate: Gate) -> Json:
        self.told.append(gate.epoch)
        if self.ways:
            raise self.ways.pop(0)
        return said(gate.epoch).to_json()


@dataclass
class Told:
    office: Office
    module: Storehouse
    run: ClosureRun

    async def waits(self) -> list[str]:
        return [each.words for each in (await self.office.view(self.run)).waits]

    async def parked(self) -> bool:
        return await self.waits() == ["waiting for GL-2: parked, code no-shelf"]

    async def closed(self) -> None:
        await self.office.vote(self.run, self.office.house.bob, self.office.house.cyd)
        assert await self.office.end(self.run) is RunState.CLOSED


@pytest_asyncio.fixture
async def told(
    house: House, store: PostgresStore, client: Client, stack: Stack, request: pytest.FixtureRequest
) -> AsyncIterator[Told]:
    """The close of January has begun, and a worker and a relay carry out the commands of this house."""
    office, module = Office(house, store, client, f"q-{secrets.token_hex(4)}"), Storehouse(ways=[*request.param])
    await office.settle_in()
    handlers = Handlers(module, FenceAnswers(store, closures_heard(office.cases, office.processes)))
    await store.put_command_types(handlers.types())
    await Tenants(store).admit_principal(
        house.tenant, "stock", frozenset({Role.VIEWER}), issuer="tests", kind=PrincipalKind.SERVICE
    )
    wish = ModuleWish("Elsewhere", "GL", "stock", told_by="storehouse.set-gate")
    await FenceCases.over(store).modules.put(house.root, "GL-2", wish, expected=0, reason=WHY)
    chunks = TemporalChunks(always(client), f"q-{secrets.token_hex(4)}")
    activities = CommandActivities(Executing(store, handlers))
    relay = CommandRelay(store, Lanes(store, (house.id,)), chunks, handlers)
    here, there = [
        chunk_worker(await connect(stack.endpoints.temporal_address), activities, chunks.queue(each))
        for each in DOMAINS
    ]
    async with office.worker(), here, there:
        relaying = asyncio.create_task(relay.run())
        yield Told(office, module, await office.start())
        await ended(relaying)
    await office.replayed()


@pytest.mark.req("FP54")
class TestAModuleToldByCommands:
    @pytest.mark.parametrize("told", [()], indirect=True)
    async def test_lets_the_close_go_on_by_what_its_handler_returns(self, told: Told) -> None:
        await told.closed()
        assert told.module.told[0] == 2

    @pytest.mark.parametrize("told", [[Permanent("no-shelf", "there is none")]], indirect=True)
    async def test_keeps_the_close_waiting_with_its_reason_until_the_command_is_retried(self, told: Told) -> None:
        await seen(told.parked)
        office = told.office
        (awaited,) = (await office.view(told.run)).waits
        assert (await office.view(told.run)).run.state is RunState.FREEZING
        assert (awaited.fence.state, awaited.fence.run) == (FenceState.ASKED, told.run.id)
        assert awaited.telling is not None
        assert awaited.telling.state is CommandState.PARKED
        key: Any = tuple(awaited.telling.command.split("/", 1))
        async with office.store.transaction(office.house.id) as tx:
            parked = await tx.commands.get(key)
        assert parked is not None
        await Acts(office.store).decide(office.house.olu, key, parked.version, uuid4(), Decision(Act.RETRY, WHY))
        await told.closed()
        assert told.module.told[:2] == [2, 2]
        async with office.store.transaction(office.house.id) as tx:
            fence = await tx.fences.get(awaited.fence.id)
        assert fence is not None
        assert (fence.state, fence.attempts, fence.acknowledgement) == (FenceState.ACKNOWLEDGED, 1, said(2))
