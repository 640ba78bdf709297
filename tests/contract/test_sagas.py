"""What may be done with processes, over either store."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.sagas.carrying import CarryingSagas
from application.sagas.cases import SagaCases
from application.sagas.declaring import ProcessBook, ProcessUnknown
from application.sagas.stand import SagaStep
from application.sagas.starting import Started, start_process
from domain.audit import Action
from domain.commands import CommandRecord, CommandState, CommandType
from domain.commands.operations import OperationConflict
from domain.errors import Invalid, Missing, Stale
from domain.people import Actor, PermissionMissing, Role
from domain.sagas import ProcessConflict, ProcessTypeMissing, Saga, SagaState, Turn, Wish, WrongProcessState
from domain.sagas.operations import SagaAct, SagaDecision
from tests.contract.homes import Home
from tests.sagas import BOOK, TRIP, ids, stood, wish

S = SagaState
WHY = "the guests do not come"


@dataclass
class Desk:
    """Carries one process on by hand."""

    home: Home
    carrying: CarryingSagas = field(init=False)

    def __post_init__(self) -> None:
        self.use = SagaCases.over(self.home.store)
        self.carrying = CarryingSagas(self.home.store, BOOK)
        self.step = SagaStep(self.home.tenant.id, TRIP, "42")

    @property
    def ada(self) -> Actor:
        return self.home.ada.actor

    @property
    def olu(self) -> Actor:
        return replace(self.ada, id=uuid4(), roles=frozenset({Role.OPERATOR}))

    async def start(self, **data: Any) -> Started:
        return await self.use.starting.start(self.ada, wish(**data))

    async def stand(self) -> Saga:
        return await self.use.looking.get(self.ada, (TRIP, "42"))

    async def end(self, *steps: str) -> None:
        """Their commands, each in a lease of its own."""
        for each in ids(*steps):
            async with self.home.transaction() as tx:
                lease = uuid4()
                await tx.commands.lease("works", 1, tx.now + timedelta(minutes=1), lease)
                (record,) = await tx.commands.leased(lease)
                assert record.command.id == each
                await tx.commands.save([record.started().completed({"wrote": each}, tx.now)])

    async def paying(self) -> None:
        """Its second command was sent."""
        await self.start()
        await self.carrying.plan(self.step)
        await self.carrying.send(self.step)
        await self.end("book")
        await self.carrying.look(self.step)
        await self.carrying.send(self.step)

    async def decide(self, act: SagaAct = SagaAct.CANCEL, id_: UUID | None = None, why: str = WHY) -> Any:
        olu = getattr(self, "_olu", None) or self.olu
        self._olu = olu
        seen = (await self.stand()).version
        return await self.use.acts.decide(olu, (TRIP, "42"), seen, id_ or uuid4(), SagaDecision(act, why))

    async def command(self, step: str) -> CommandRecord:
        async with self.home.transaction() as tx:
            found = await tx.commands.get(("works", ids(step)[0]))
        assert isinstance(found, CommandRecord)
        return found

    async def told(self) -> list[tuple[Any, ...]]:
        rows = await self.use.looking.trail(self.ada, (TRIP, "42"), None, 99)
        return [(each.event["action"], each.event["after"]["state"]) for each in rows]


@pytest_asyncio.fixture
async def desk(home: Home) -> Desk:
    store: Any = home.store
    await store.put_process_types(BOOK.types())
    await store.put_command_types([CommandType("works.write", 1, {"type": "object"})])
    return Desk(home)


class TestStarting:
    @pytest.mark.req("S057")
    async def test_started_again_it_is_the_same_process(self, desk: Desk) -> None:
        first = await desk.start()
        again = await desk.start()
        assert (first.replayed, again) == (False, Started(first.saga, replayed=True))
        assert await desk.told() == [(Action.PROCESS_STARTED, "started")]

    async def test_something_else_under_its_id_is_a_conflict_and_spoils_nothing(self, desk: Desk) -> None:
        await desk.start()
        async with desk.home.transaction() as tx:
            with pytest.raises(ProcessConflict) as refused:
                await start_process(tx, wish(words="other"))
            assert refused.value.facts["differs"] == ["data"]
            assert not (await start_process(tx, wish("43"))).replayed

    async def test_of_many_who_start_it_at_once_one_is_first(self, desk: Desk) -> None:
        started = await asyncio.gather(*(desk.start() for _ in range(8)))
        assert sorted(each.replayed for each in started) == [False] + [True] * 7

    async def test_what_is_rolled_back_was_never_started(self, desk: Desk) -> None:
        with pytest.raises(RuntimeError):
            await self._broken(desk)
        with pytest.raises(Missing):
            await desk.stand()
        assert await desk.told() == []

    async def test_what_nobody_carries_out_or_is_not_as_it_must_be_is_refused(self, desk: Desk) -> None:
        refusals: list[tuple[Wish, type[Invalid], str]] = [
            (replace(wish(), type="works.fly"), ProcessTypeMissing, "/type"),
            (replace(wish(), schema_version=7), ProcessTypeMissing, "/schema_version"),
            (wish(words=7), Invalid, "/data/words"),
            (wish(words="\x00"), Invalid, "/data/words"),
            (replace(wish(), change=uuid4()), Invalid, "/change"),
            (wish("4:2"), Invalid, "/id"),
        ]
        for asked, kind, path in refusals:
            with pytest.raises(kind) as refused:
                await desk.use.starting.start(desk.ada, asked)
            assert [each.path for each in refused.value.faults] == [path]
        with pytest.raises(PermissionMissing):
            await desk.use.starting.start(replace(desk.ada, roles=frozenset({Role.VIEWER})), wish())

    async def _broken(self, desk: Desk) -> None:
        async with desk.home.transaction() as tx:
            await start_process(tx, wish(), desk.ada)
            raise RuntimeError


class TestCarrying:
    async def test_each_move_is_made_once_and_told_once(self, desk: Desk) -> None:
        await desk.start()
        for _ in range(2):
            assert (await desk.carrying.plan(desk.step)).turn is Turn.SEND
        for _ in range(2):
            assert (await desk.carrying.send(desk.step)).turn is Turn.WAIT
            assert (await desk.carrying.look(desk.step)).turn is Turn.WAIT
            assert (await desk.carrying.undo(desk.step)).turn is Turn.WAIT
        await desk.end("book")
        for _ in range(2):
            stand = await desk.carrying.look(desk.step)
            assert (stand.turn, stand.name) == (Turn.SEND, "pay")
        moves = [(Action.PROCESS_MOVED, "waiting-for-reply")] * 3
        assert await desk.told() == [(Action.PROCESS_STARTED, "started"), *moves]

    async def test_without_its_declaration_it_waits_for_another_worker(self, desk: Desk) -> None:
        await desk.start()
        with pytest.raises(ProcessUnknown):
            await CarryingSagas(desk.home.store, ProcessBook()).plan(desk.step)
        assert (await desk.stand()).state is S.STARTED

    async def test_whose_data_nobody_can_read_is_over_and_did_nothing(self, desk: Desk) -> None:
        async with desk.home.transaction() as tx:
            saga = (await start_process(tx, wish(), desk.ada)).saga
            await tx.sagas.save(saga)
        broken = ProcessBook()
        broken._found = {(TRIP, 1): replace(BOOK.of(saga), plan=lambda wished: wished["nothing"])}
        stand = await CarryingSagas(desk.home.store, broken).plan(desk.step)
        assert (stand.state, stand.why) == (S.COMPENSATED, "TypeError")

    async def test_one_whose_starter_may_send_nothing_any_more_goes_back_all_the_same(self, desk: Desk) -> None:
        await desk.paying()
        await desk.end("pay")
        async with desk.home.transaction() as tx:
            await tx.people.set_roles(desk.ada.id, frozenset({Role.VIEWER}))
        await desk.carrying.look(desk.step)
        assert (await desk.carrying.send(desk.step)).turn is Turn.UNDO
        await desk.carrying.undo(desk.step)
        found = await desk.stand()
        assert (found.why, stood(found)["pay"]) == ("tell: permission-missing", "undoing")

    async def test_a_command_that_has_begun_is_waited_for_and_undone(self, desk: Desk) -> None:
        await desk.paying()
        async with desk.home.transaction() as tx:
            lease = uuid4()
            await tx.commands.lease("works", 1, tx.now + timedelta(minutes=1), lease)
            (running,) = await tx.commands.save([each.started() for each in await tx.commands.leased(lease)])
        await desk.decide()
        assert (await desk.carrying.look(desk.step)).calling_off
        async with desk.home.transaction() as tx:
            await tx.commands.save([running.completed({"wrote": "paid"}, tx.now)])
        stand = await desk.carrying.look(desk.step)
        assert (stand.turn, stand.name) == (Turn.UNDO, "pay")

    async def test_cancelled_from_outside_twice_it_turns_once(self, desk: Desk) -> None:
        await desk.paying()
        for _ in range(2):
            assert (await desk.carrying.turn(desk.step)).state is S.COMPENSATING
        assert (await desk.command("pay")).state is CommandState.PENDING
        await desk.carrying.look(desk.step)
        assert (await desk.command("pay")).state is CommandState.CANCELED


class TestDeciding:
    @pytest.mark.req("S064")
    async def test_is_made_once_over_what_was_seen_and_says_why(self, desk: Desk) -> None:
        await desk.paying()
        made = await desk.decide(id_=(same := uuid4()))
        assert (made.act, made.state) == (SagaAct.CANCEL, S.COMPENSATING)
        assert await desk.decide(id_=same) == made
        with pytest.raises(OperationConflict):
            await desk.decide(SagaAct.RETRY, same)
        with pytest.raises(WrongProcessState):
            await desk.decide()
        (row,) = [each for each in await desk.use.looking.trail(desk.ada, (TRIP, "42"), None, 99)
                  if each.event["action"] == Action.PROCESS_CANCELED]  # fmt: skip
        assert (row.event["reason"], row.event["actor"]) == (WHY, str(made.actor))

    async def test_nobody_decides_without_a_reason_a_right_or_a_look(self, desk: Desk) -> None:
        await desk.paying()
        with pytest.raises(Invalid):
            await desk.decide(why="because")
        cancel = SagaDecision(SagaAct.CANCEL, WHY)
        with pytest.raises(PermissionMissing):
            await desk.use.acts.decide(desk.ada, (TRIP, "42"), 5, uuid4(), cancel)
        with pytest.raises(Stale):
            await desk.use.acts.decide(desk.olu, (TRIP, "42"), 1, uuid4(), cancel)
        with pytest.raises(Missing):
            await desk.use.acts.decide(desk.olu, (TRIP, "43"), 1, uuid4(), cancel)


class TestLooking:
    async def test_what_it_is_about_is_shown_to_its_starter_and_to_operators(self, desk: Desk) -> None:
        await desk.paying()
        eve = replace(desk.ada, id=uuid4(), roles=frozenset({Role.AUDITOR}))
        for who, data, result in (
            (desk.ada, "kit", ids("book")[0]), (desk.olu, "kit", ids("book")[0]), (eve, "[hidden]", "[hidden]"),
        ):  # fmt: skip
            found = await desk.use.looking.get(who, (TRIP, "42"))
            assert (found.data["words"], found.step("book").result) == (data, {"wrote": result})
