"""Reopenings are kept one at a time, and nothing enters through what they opened once the window is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.periods import Postable
from domain.closures import LaterPolicy, Reopening, ReopeningOver, ReopeningState, ReopenReason, ReopenWish
from domain.errors import AlreadyExists, Refusal
from domain.periods import NotAdjustable, Operation, PeriodGate, Posting, check
from tests.contract.books import Kept, kept
from tests.contract.homes import LONG_AGO, Home

ENDS = datetime.now(UTC) + timedelta(hours=1)
WISH = ReopenWish(ReopenReason.TAX, "the auditors asked for this entry", ENDS, ("AP",), later=LaterPolicy.CASCADE)
ASKERS = ("viv", "fin", "ope")
WAYS: dict[str, tuple[str, ...]] = {
    "as reopened": (),
    "all by hand": ("opened",),
    "frozen": ("frozen",),
    "closed again": ("closed",),
    "locked": ("closed", "locked"),
}
"""What is done with a gate after it was reopened."""


async def asked(books: Kept, number: int = 3, **given: Any) -> Reopening:
    change = await books.home.submitted(f"reopening-{uuid4()}")
    whole = Reopening(
        uuid4(), books.home.tenant.id, "de", books.period(number), f"2024-{number:02}", ("AP",), WISH,
        books.home.ada.id, change.id, LONG_AGO, cascade=("2024-04",), why="asked",
    )  # fmt: skip
    return replace(whole, **given)


async def added(books: Kept, number: int = 3, **given: Any) -> Reopening:
    reopening = await asked(books, number, **given)
    async with books.home.transaction() as tx:
        await tx.reopenings.add(reopening)
    return reopening


async def opened(books: Kept, reopening: Reopening, number: int, way: str) -> PeriodGate:
    """Closed, reopened, and then moved on `way`."""
    key, words = books.key(number), (books.home.ada.id, LONG_AGO, "because")
    await books.put("closed", key)
    async with books.home.transaction() as tx:
        gate: PeriodGate = (await tx.periods.hold([key]))[key].reopened(Posting.ADJUST_ONLY, *words)
        await tx.periods.move([gate])
        now_open = reopening.opened((), tx.now)
        await tx.reopenings.save(now_open)
        await tx.reopenings.open(now_open, [key])
        assert await tx.reopenings.gates(reopening.id) == [key]
        for verb in WAYS[way]:
            gate = getattr(gate, verb)(*words)
            await tx.periods.move([gate])
    return gate


async def shut(books: Kept, reopening: UUID) -> None:
    async with books.home.transaction() as tx:
        found = await tx.reopenings.get(reopening, lock=True)
        closed = found.shut(tx.now, "shut_early")
        await tx.reopenings.save(closed)
        await tx.reopenings.shut(closed)


async def said(books: Kept, number: int, operation: Operation, by: str) -> object:
    try:
        return await books.ask(books.asked(operation, by=by, number=number))
    except Refusal as refusal:
        return type(refusal), refusal.facts


def expected(books: Kept, number: int, gate: PeriodGate, operation: Operation, by: str, *, over: bool) -> object:
    try:
        check(gate, books.called(number), operation, may_adjust=by == "fin", excepted=False, run_token=False, shut=over)
    except Refusal as refusal:
        return type(refusal), refusal.facts
    return Postable(gate.key.period, gate.epoch)


class TestReopenings:
    async def test_are_kept_as_they_were_asked_for(self, home: Home) -> None:
        books = await kept(home)
        reopening = await added(books)
        async with home.transaction() as tx:
            assert await tx.reopenings.get(reopening.id, lock=True) == reopening
            assert await tx.reopenings.get(uuid4()) is None
            assert await tx.reopenings.running("de") == [reopening]
            assert await tx.reopenings.running("at") == []
            await tx.reopenings.mark_started(reopening.id)

    async def test_one_of_a_period_goes_on_at_a_time(self, home: Home) -> None:
        books = await kept(home)
        first = await added(books)
        with pytest.raises(AlreadyExists):
            await added(books)
        async with home.transaction() as tx:
            await tx.reopenings.save(first.given_up(ReopeningState.REJECTED, "rejected"))
            assert await tx.reopenings.running("de") == []
        with pytest.raises(ReopeningOver):
            async with home.transaction() as tx:
                await tx.reopenings.save(first)
        second = await added(books, asked_at=LONG_AGO + timedelta(days=1))
        other = await added(books, 5, asked_at=LONG_AGO + timedelta(days=2))
        async with home.transaction() as tx:
            page = await tx.reopenings.page("de", None, None, 2)
            assert [each.id for each in page] == [other.id, second.id]
            rest = await tx.reopenings.page("de", books.period(3), (second.asked_at, second.id), 9)
            assert [each.id for each in rest] == [first.id]


@pytest.mark.req("FP68")
class TestWindow:
    async def test_is_said_alike_by_the_database_its_twin_and_the_table(self, home: Home) -> None:
        books = await kept(home)
        gates = {}
        for number, way in enumerate(WAYS, 1):
            reopening = await added(books, number)
            gates[number] = (reopening.id, await opened(books, reopening, number, way))
        wrong = []
        for over in (False, True):
            for (number, (id_, gate)), operation, by in product(gates.items(), Operation, ASKERS):
                if over and (operation, by) == (Operation.TRANSACTION, "viv"):
                    await shut(books, id_)
                found = await said(books, number, operation, by)
                wanted = expected(books, number, gate, operation, by, over=over)
                if found != wanted:
                    wrong.append((over, number, operation, by, found, wanted))
        assert wrong == []

    async def test_of_an_earlier_reopening_is_over_for_a_later_one(self, home: Home) -> None:
        books = await kept(home)
        first = await added(books)
        await opened(books, first, 3, "closed again")
        await shut(books, first.id)
        key, words = books.key(3), (home.ada.id, LONG_AGO, "because")
        async with home.transaction() as tx:
            found = await tx.reopenings.get(first.id)
            await tx.reopenings.save(found.ended())
        second = await added(books)
        async with home.transaction() as tx:
            gate = (await tx.periods.hold([key]))[key].reopened(Posting.ADJUST_ONLY, *words)
            await tx.periods.move([gate])
            again = second.opened((), tx.now)
            await tx.reopenings.save(again)
            await tx.reopenings.open(again, [key])
        assert await said(books, 3, Operation.ADJUSTMENT, "fin") == Postable(key.period, gate.epoch)


class TestEntries:
    async def test_are_as_many_as_the_window_lets_in_through_all_its_gates(self, home: Home) -> None:
        books = await kept(home)
        reopening = await added(books, wish=replace(WISH, most_entries=2))
        await opened(books, reopening, 3, "as reopened")
        key = books.key(3)
        async with home.transaction() as tx:
            assert await tx.reopenings.windows("de") == {key: ENDS}
        for entries in (1, 2):
            assert isinstance(await said(books, 3, Operation.ADJUSTMENT, "fin"), Postable)
            async with home.transaction() as tx:
                assert await tx.reopenings.entries(reopening.id) == entries
        with pytest.raises(NotAdjustable):
            await books.ask(books.asked(Operation.ADJUSTMENT, by="fin", number=3))
        async with home.transaction() as tx:
            opened_at = (await tx.reopenings.get(reopening.id)).opened_at
            assert await tx.reopenings.windows("de") == {key: opened_at}
            assert await tx.reopenings.windows("at") == {}

    async def test_what_is_refused_or_excepted_uses_none(self, home: Home) -> None:
        books = await kept(home)
        reopening = await added(books, wish=replace(WISH, most_entries=1))
        await opened(books, reopening, 3, "as reopened")
        key = books.key(3)
        async with home.transaction() as tx:
            await tx.periods.grant(books.exception(key, operations=frozenset({Operation.TRANSACTION})))
        for operation, by in (
            (Operation.TRANSACTION, "viv"),
            (Operation.ADJUSTMENT, "ope"),
            (Operation.REPORTING, "fin"),
        ):
            await said(books, 3, operation, by)
        async with home.transaction() as tx:
            assert await tx.reopenings.entries(reopening.id) == 0

    async def test_are_not_counted_without_a_limit(self, home: Home) -> None:
        books = await kept(home)
        reopening = await added(books)
        await opened(books, reopening, 3, "as reopened")
        assert isinstance(await said(books, 3, Operation.ADJUSTMENT, "fin"), Postable)
        async with home.transaction() as tx:
            assert await tx.reopenings.entries(reopening.id) == 0

    async def test_a_window_that_is_used_up_is_found(self, home: Home) -> None:
        books = await kept(home)
        reopening = await added(books, wish=replace(WISH, most_entries=1))
        await opened(books, reopening, 3, "as reopened")
        async with home.transaction() as tx:
            await tx.reopenings.mark_started(reopening.id)
        assert reopening.id not in {each.id for each in await home.store.waiting()}
        await said(books, 3, Operation.ADJUSTMENT, "fin")
        assert reopening.id in {each.id for each in await home.store.waiting()}
        await shut(books, reopening.id)
        assert reopening.id not in {each.id for each in await home.store.waiting()}
