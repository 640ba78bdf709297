"""A module hears of its gates by commands, and what its handler returns is its word, in either store."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel

from application.commands.acts import Acts
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.fences.answering import FenceAnswers
from application.fences.asking import remind
from application.fences.cases import FenceCases
from application.fences.looking import awaited
from application.fences.modules import ModuleWish
from application.ports.commands import CommandFilter
from application.ports.fences import FenceFilter
from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, CommandType
from domain.commands.operations import Act, Decision
from domain.commands.outcomes import BusinessRule, HandlerKind, Permanent
from domain.errors import Invalid
from domain.fences import Fence, FenceState
from domain.fences.telling import Telling
from tests.contract.fencing import RUN, Fenced, fenced, said
from tests.contract.homes import Home

S, F = CommandState, FenceState
WHY = "because of the test"


class Gate(BaseModel):
    epoch: int


@dataclass
class Depot:
    """A module that takes its gates by commands: `ways` are what it does with the next of them."""

    told: list[int] = field(default_factory=list)
    ways: list[Any] = field(default_factory=list)

    @handles("depot.set-gate", Gate, HandlerKind.EXTERNAL)
    async def set_gate(self, order: Order, gate: Gate) -> Json:
        self.told.append(gate.epoch)
        way = self.ways.pop(0) if self.ways else None
        if isinstance(way, Exception):
            raise way
        if callable(way):
            return await way()
        return way if way is not None else said(gate.epoch).to_json()


@dataclass
class Told:
    """The books of a test with such a module, and workers that are called by hand."""

    place: Fenced
    depot: Depot = field(default_factory=Depot)
    heard: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.place.home.store
        self.lanes: Any = self.store
        self.use = FenceCases.over(self.store, self._hear)
        self.handlers = Handlers(self.depot, FenceAnswers(self.store, self._hear))
        self.executing = Executing(self.store, self.handlers)

    async def _hear(self, tenant: UUID, run: UUID) -> None:
        assert tenant == self.place.home.tenant.id
        self.heard.append(run)

    async def work(self, *domains: str) -> None:
        for domain in domains or ("depot", "changegate"):
            lease = uuid4()
            async with self.place.home.transaction() as tx:
                leased = await tx.commands.lease(domain, 9, tx.now + timedelta(minutes=1), lease)
            if leased:
                await self.executing.execute(self.place.home.tenant.id, lease)

    async def fence(self, fence: Fence) -> Fence:
        async with self.place.home.transaction() as tx:
            found: Fence = await tx.fences.get(fence.id)
            return found

    async def commands(self, domain: str = "depot") -> list[CommandRecord]:
        """The oldest first."""
        async with self.place.home.transaction() as tx:
            found = await tx.commands.page(CommandFilter(domain=domain), None, 99)
        return sorted(found, key=lambda each: (each.command.payload.get("epoch", 0), each.sent_at))

    async def states(self) -> list[CommandState]:
        return [each.state for each in await self.commands()]

    async def waits(self) -> list[str]:
        async with self.place.home.transaction() as tx:
            return [each.words for each in await awaited(tx, RUN)]

    async def remind(self, attempt: int) -> None:
        async with self.place.home.transaction() as tx:
            await remind(tx, RUN, attempt)

    async def decide(self, act: Act) -> None:
        (parked,) = [each for each in await self.commands() if each.state is S.PARKED]
        decision = Decision(act, WHY)
        await Acts(self.store).decide(self.place.person("adm"), parked.key, parked.version, uuid4(), decision)


@pytest_asyncio.fixture
async def told(home: Home) -> Told:
    told = Told(await fenced(home))
    await told.lanes.put_command_types(told.handlers.types())
    async with home.transaction() as tx:
        module = await tx.fences.module("AP", lock=True)
        await tx.fences.put_module(replace(module, told_by="depot.set-gate", version=2))
        assert (await tx.fences.module("AP")).told_by == "depot.set-gate"
    return told


@pytest.mark.req("FP54")
class TestItsAnswer:
    async def test_is_its_acknowledgement(self, told: Told) -> None:
        fence = await told.place.asked("opened", "soft_closed")
        (command,) = await told.commands()
        assert (fence.command, command.command.payload) == (f"depot/fence:{fence.id}", fence.to_json())
        assert command.command.options.ordering_key == "gate:AP:de:AP"
        async with told.place.home.transaction() as tx:
            assert await tx.events.number(9) == []
        assert await told.fence(fence) == fence
        assert await told.waits() == ["waiting for AP: pending"]
        await told.work()
        after = await told.fence(fence)
        assert (after.state, after.acknowledgement) == (F.ACKNOWLEDGED, said(2))
        assert (after.settled_by, told.heard) == (told.place.speaker.id, [RUN])
        (reply,) = await told.commands("changegate")
        assert (reply.state, reply.result) == (S.COMPLETED, {"fence": str(fence.id), "state": "acknowledged"})
        assert await told.waits() == []

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (None, "no-acknowledgement"),
            ({"epoch": 2}, "no-acknowledgement"),
            ({**said(2).to_json(), "entries": -1}, "no-acknowledgement"),
            (said(1).to_json(), "epoch-behind"),
            (said(3).to_json(), "epoch-unknown"),
        ],
    )
    async def test_is_refused_where_it_is_none_and_then_it_is_asked_anew(
        self, told: Told, answer: Json, code: str
    ) -> None:
        told.depot.ways.append(answer if answer is not None else _nothing)
        fence = await told.place.asked("opened", "soft_closed")
        await told.work()
        assert (await told.fence(fence)).state is F.ASKED
        assert await told.waits() == [f"waiting for AP: completed, code {code}"]
        (reply,) = await told.commands("changegate")
        assert (reply.state, reply.error and reply.error.code) == (S.FAILED, code)
        await told.remind(2)
        await told.work()
        assert ((await told.fence(fence)).state, told.depot.told) == (F.ACKNOWLEDGED, [2, 2])


@pytest.mark.req("FP54")
class TestSilence:
    async def test_of_a_parked_command_is_told_with_its_reason_until_it_is_retried(self, told: Told) -> None:
        told.depot.ways.append(Permanent("no-shelf", "there is none"))
        fence = await told.place.asked("opened", "soft_closed")
        await told.work()
        assert await told.waits() == ["waiting for AP: parked, code no-shelf"]
        view = await told.use.looking.get(told.place.person("viv"), fence.id)
        assert view.telling == Telling(f"depot/fence:{fence.id}", S.PARKED, "no-shelf")
        await told.remind(2)
        assert (await told.states(), (await told.fence(fence)).attempts) == ([S.PARKED], 2)
        await told.decide(Act.RETRY)
        await told.work()
        assert ((await told.fence(fence)).state, await told.states()) == (F.ACKNOWLEDGED, [S.COMPLETED])

    @pytest.mark.parametrize("way", [BusinessRule("closed-today"), Permanent("no-shelf")])
    async def test_of_one_that_is_over_is_ended_by_another(self, told: Told, way: Exception) -> None:
        told.depot.ways.append(way)
        fence = await told.place.asked("opened", "soft_closed")
        await told.work()
        if isinstance(way, Permanent):
            await told.decide(Act.CANCEL)
        await told.work()
        assert ((await told.fence(fence)).outstanding, told.heard) == (True, [RUN])
        await told.remind(2)
        assert str((await told.fence(fence)).command).startswith(f"depot/fence:{fence.id}:")
        await told.work()
        assert ((await told.fence(fence)).state, len(await told.commands())) == (F.ACKNOWLEDGED, 2)

    async def test_is_ended_by_who_has_it_told_once_more(self, told: Told) -> None:
        told.depot.ways.append(Permanent("no-shelf"))
        fence = await told.place.asked("opened", "soft_closed")
        await told.work()
        await told.use.settling.retry(told.place.person("fin"), fence.id, WHY)
        assert sorted(await told.states()) == [S.CANCELED, S.PENDING]
        await told.work()
        assert (await told.fence(fence)).state is F.ACKNOWLEDGED


@pytest.mark.req("FP55")
class TestANewerGate:
    async def test_is_not_held_up_by_one_that_is_parked(self, told: Told) -> None:
        told.depot.ways.append(Permanent("no-shelf"))
        older = await told.place.asked("opened", "soft_closed")
        await told.work()
        newer = await told.place.asked("closed")
        first, second = await told.commands()
        assert (first.state, first.error and first.error.code, second.state) == (S.CANCELED, "superseded", S.PENDING)
        await told.work()
        assert [(await told.fence(each)).state for each in (older, newer)] == [F.SUPERSEDED, F.ACKNOWLEDGED]
        assert told.depot.told == [2, 3]

    async def test_is_not_held_up_by_one_that_is_parked_later(self, told: Told) -> None:
        async def overtaken() -> Json:
            newer.append(await told.place.asked("closed"))
            assert await told.states() == [S.RUNNING, S.PENDING]
            raise Permanent("no-shelf")

        newer: list[Fence] = []
        told.depot.ways.append(overtaken)
        await told.place.asked("opened", "soft_closed")
        await told.work("depot")
        assert await told.states() == [S.CANCELED, S.PENDING]
        await told.work()
        assert (await told.fence(newer[0])).state is F.ACKNOWLEDGED

    async def test_is_settled_by_its_own_answer_though_an_older_comes_late(self, told: Told) -> None:
        older = await told.place.asked("opened", "soft_closed")
        await told.work("depot")
        newer = await told.place.asked("closed")
        await told.work("changegate", "depot", "changegate")
        assert [(await told.fence(each)).state for each in (older, newer)] == [F.SUPERSEDED, F.ACKNOWLEDGED]


@pytest.mark.req("FP54")
@pytest.mark.parametrize("way", ["acknowledge", "exclude"])
async def test_what_is_settled_otherwise_is_told_no_more(told: Told, way: str) -> None:
    fence = await told.place.asked("opened", "soft_closed")
    if way == "exclude":
        await told.use.settling.exclude(told.place.person("fin"), fence.id, WHY)
    else:
        await told.use.settling.acknowledge(told.place.speaker, fence.id, said(2))
    settled = await told.fence(fence)
    await told.work()
    assert (await told.states(), told.depot.told) == ([S.CANCELED], [])
    assert await told.fence(fence) == settled


@pytest.mark.parametrize("type_", ["depot.no-such-thing", "changegate.fence-answered", "depot.enter"])
async def test_a_module_is_told_by_what_some_handler_takes(told: Told, type_: str) -> None:
    posts = CommandType("depot.enter", 1, {"type": "object"}, {"posts": "AP"})
    await told.lanes.put_command_types([*told.handlers.types(), posts])
    wish = ModuleWish("Depot", "AP", "payables", told_by=type_)
    with pytest.raises(Invalid) as refused:
        await told.use.modules.put(told.place.person("fin"), "DEPOT", wish, expected=0, reason=WHY)
    assert [each.path for each in refused.value.faults] == ["/told_by"]
    wish = replace(wish, told_by="depot.set-gate")
    put = await told.use.modules.put(told.place.person("fin"), "DEPOT", wish, expected=0, reason=WHY)
    assert put.told_by == "depot.set-gate"


async def test_one_that_is_told_by_events_from_now_on_has_no_more_commands(told: Told) -> None:
    older = await told.place.asked("opened")
    async with told.place.home.transaction() as tx:
        module = await tx.fences.module("AP", lock=True)
        await tx.fences.put_module(replace(module, told_by=None, version=3))
    newer = await told.place.asked("soft_closed")
    assert (older.command is None, newer.command) == (False, None)
    assert await told.states() == [S.CANCELED]
    found = await told.use.looking.page(told.place.person("viv"), FenceFilter(outstanding=True), None, 9)
    assert [each.id for each in found] == [newer.id]


async def _nothing() -> Json:
    return None
