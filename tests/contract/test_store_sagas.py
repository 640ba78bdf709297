"""Processes are kept whole, with their steps; what is over for good stays so, and what is to be told is found."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports.sagas import SagaFilter
from domain.commands import Command, CommandError, CommandRecord, ParkedKind, fingerprint
from domain.errors import Stale
from domain.sagas import ProcessType, Saga, SagaState, Step, StepState, Wish, WrongProcessState
from domain.sagas import fingerprint as fingerprint_of
from domain.sagas.operations import SagaAct, SagaOperation
from tests.contract.homes import LONG_AGO, Home
from tests.contract.ordering import catalogued, journal
from tests.sagas import OwnSagas

S, T = SagaState, StepState
KEY = ("works.trip", "42")
FIRST = ("ledger", "works.trip:42:book")


def made(home: Home, id: str = "42", at: datetime = LONG_AGO, **given: Any) -> Saga:  # noqa: A002 -- the process's
    wish = Wish("works.trip", id, {"words": "kit"})
    whole = Saga(home.tenant.id, wish.type, id, wish.data, fingerprint_of(wish), home.ada.id, at, uuid4())
    return replace(whole, **given)


async def added(home: Home, **given: Any) -> Saga:
    saga = made(home, **given)
    async with home.transaction() as tx:
        assert await tx.sagas.add(saga) is None
    return saga


async def saved(home: Home, saga: Saga) -> Saga:
    async with home.transaction() as tx:
        stored: Saga = await tx.sagas.save(saga.settled(tx.now))
        assert await tx.sagas.get(saga.key, lock=True) == stored
    return stored


async def sending(home: Home, **step: Any) -> tuple[Saga, CommandRecord]:
    """A process that waits for its first command."""
    await catalogued(home)
    command: Command = journal(FIRST[1], correlation=uuid4())
    async with home.transaction() as tx:
        record = CommandRecord(command, home.tenant.id, fingerprint(command), home.ada.id, tx.now, tx.now)
        await tx.commands.add([record])
    started = await added(home)
    await told(home, started)
    sent = replace(Step("book", undoable=True).sent(FIRST, None), **step)
    return await saved(home, started.planned([sent, Step("pay")])), record


async def told(home: Home, saga: Saga) -> None:
    async with home.transaction() as tx:
        await tx.sagas.mark_told(saga.key, saga.version)


async def waiting(home: Home) -> list[Any]:
    return await OwnSagas(home.store, home.tenant.id).waiting()


class TestSagas:
    async def test_is_kept_as_it_was_started(self, home: Home) -> None:
        saga = await added(home, causation="works/1", change=uuid4())
        async with home.transaction() as tx:
            assert await tx.sagas.get(KEY) == saga
            assert await tx.sagas.get(("works.trip", "43")) is None
            assert await tx.sagas.add(made(home, data={"words": "other"})) == saga

    async def test_moves_with_its_steps_from_the_version_that_was_read(self, home: Home) -> None:
        saga = await added(home)
        first = Step("book", undoable=True).sent(("works", "1"), LONG_AGO)
        planned = await saved(home, saga.planned([first, Step("pay")]))
        assert (planned.version, planned.state) == (2, S.WAITING_FOR_REPLY)
        done = replace(first, state=T.COMPLETED, result={"n": [1, None]}).undone_by(("works", "1:undo"))
        later = await saved(home, replace(planned.moved(done), back=True, why="canceled"))
        assert (later.step("book"), later.version) == (done, 3)
        with pytest.raises(Stale):
            await saved(home, planned)

    async def test_one_without_steps_is_not_one_that_is_not_planned(self, home: Home) -> None:
        saga = await saved(home, (await added(home)).planned([]))
        assert (saga.steps, saga.state) == ((), S.COMPLETED)

    async def test_what_is_over_for_good_stays_so(self, home: Home) -> None:
        over = await saved(home, (await added(home)).planned([]))
        with pytest.raises(WrongProcessState):
            await saved(home, replace(over, why="x", back=True))

    async def test_are_listed_newest_first_and_by_what_they_have(self, home: Home) -> None:
        sagas = [await added(home, id=str(day), at=LONG_AGO + timedelta(days=day)) for day in range(4)]
        over = await saved(home, sagas[1].planned([]))
        left = await saved(home, sagas[3].unplanned("ValueError"))
        async with home.transaction() as tx:
            page = await tx.sagas.page(SagaFilter(), None, 3)
            assert page == [left, sagas[2], over]
            assert await tx.sagas.page(SagaFilter(), (over.started_at, *over.key), 3) == [sagas[0]]
            assert await tx.sagas.page(SagaFilter(S.STARTED, "works.trip"), None, 9) == [sagas[2], sagas[0]]
            assert await tx.sagas.page(SagaFilter(S.COMPLETED), None, 9) == [over]
            assert await tx.sagas.page(SagaFilter(correlation=sagas[0].correlation), None, 9) == [sagas[0]]
            assert await tx.sagas.page(SagaFilter(change=uuid4()), None, 9) == []

    async def test_decisions_are_kept_once(self, home: Home) -> None:
        saga = await added(home)
        decided = SagaOperation(
            uuid4(), saga.key, SagaAct.CANCEL, home.ada.id, "because of it", "sha256:" + "0" * 64, S.COMPENSATING, 2,
            LONG_AGO,
        )  # fmt: skip
        async with home.transaction() as tx:
            assert await tx.sagas.add_operation(decided)
            assert not await tx.sagas.add_operation(replace(decided, act=SagaAct.RETRY))
            assert await tx.sagas.operation(decided.id) == decided
            assert await tx.sagas.operation(uuid4()) is None

    async def test_types_are_those_that_were_written_down_last(self, home: Home) -> None:
        store: Any = home.store
        domain = f"d{home.tenant.id.hex[:12]}"
        await store.put_process_types([ProcessType(f"{domain}.go", 1, {"title": each}) for each in ("old", "new")])
        async with home.transaction() as tx:
            assert await tx.sagas.types(domain) == [ProcessType(f"{domain}.go", 1, {"title": "new"})]
            assert {f"{domain}.go"} <= {each.type for each in await tx.sagas.types()}


class TestWaiting:
    async def test_what_never_reached_a_workflow(self, home: Home) -> None:
        saga = await added(home)
        assert await waiting(home) == [KEY]
        await told(home, saga)
        assert await waiting(home) == []
        async with home.transaction() as tx:
            await tx.sagas.mark_told(KEY, None)
        assert await waiting(home) == [KEY]

    async def test_what_waits_for_a_command_that_goes_on_is_left_alone(self, home: Home) -> None:
        await sending(home)
        assert await waiting(home) == []

    async def test_whose_command_is_over_or_parked_or_not_any_more(self, home: Home) -> None:
        saga, record = await sending(home)
        error = CommandError("permanent", "no", "", fingerprint="x")
        async with home.transaction() as tx:
            lease = uuid4()
            await tx.commands.lease("ledger", 9, tx.now + timedelta(minutes=1), lease)
            (leased,) = await tx.commands.leased(lease)
            parked = leased.started().parked_as(ParkedKind.PERMANENT, error)
            (parked,) = await tx.commands.save([parked])
        assert await waiting(home) == [KEY]
        await told(home, saga)
        assert await waiting(home) == [], "it was told of that"
        saga = await saved(home, saga.moved(saga.step("book").seen(parked)))
        assert await waiting(home) == []
        async with home.transaction() as tx:
            (retried,) = await tx.commands.save([parked.retried(tx.now)])
        assert await waiting(home) == [KEY]
        await saved(home, saga.moved(saga.step("book").seen(retried)))
        assert await waiting(home) == []
        async with home.transaction() as tx:
            await tx.commands.save([retried.lapsed(tx.now)])
        assert await waiting(home) == [KEY]
        assert record.key == FIRST

    async def test_whose_time_is_up_and_what_is_to_go_back(self, home: Home) -> None:
        saga, _ = await sending(home, due_at=LONG_AGO)
        assert await waiting(home) == [KEY]
        other = await saved(home, saga.moved(replace(saga.step("book"), due_at=None)).turned())
        assert await waiting(home) == [KEY]
        await told(home, other)
        assert await waiting(home) == []

    async def test_what_is_over_waits_for_nothing(self, home: Home) -> None:
        saga = await added(home)
        await saved(home, saga.planned([]))
        assert await waiting(home) == []
