"""A close beneath which something is posted is found once, until it was told."""

from typing import Any
from uuid import UUID

import pytest

from application.ports.moved_books import MovedBooks
from domain.closures import ClosureRun, RunState
from domain.periods import AdjustmentsOnly
from tests.contract.books import ENTITY, A, Kept, T, kept
from tests.contract.closing import attempt
from tests.contract.homes import Home

LOOKS = 20


async def beneath(books: Kept, state: RunState = RunState.TASKS, number: int = 3) -> ClosureRun:
    """A close of this period that stands there."""
    run = attempt(books.home, books.period(number), state=state, entity=ENTITY, closed_at=None)
    async with books.home.transaction() as tx:
        await tx.closures.add(run)
    return run


async def found(home: Home) -> list[MovedBooks]:
    """Of this tenant only: the store of the contract is everybody's, and where many wait a look tells of some."""
    for _ in range(LOOKS):
        every: list[MovedBooks] = await home.store.moved_books()  # type: ignore[attr-defined]  # both stores answer
        mine = [each for each in every if each.tenant == home.tenant.id]
        if mine:
            return mine
    return []


async def told(home: Home, moved: MovedBooks) -> None:
    await home.store.moved_books_told(moved)  # type: ignore[attr-defined]  # both stores answer


async def runs(home: Home) -> list[UUID]:
    return [each.run for each in await found(home)]


@pytest.mark.req("FP49")
class TestMovedBooks:
    async def test_are_found_until_the_close_was_told(self, home: Home) -> None:
        books = await kept(home)
        await books.put("adjust_only", books.key())
        run = await beneath(books)
        assert await runs(home) == []
        for _ in range(2):
            await books.ask(books.asked(A, by="fin"))
        (moved,) = await found(home)
        assert moved.run == run.id
        await told(home, moved)
        assert await runs(home) == []
        await books.ask(books.asked(A, by="fin"))
        assert await runs(home) == [run.id]

    async def test_are_those_of_a_close_that_was_frozen_and_has_not_closed(self, home: Home) -> None:
        books = await kept(home)
        expected = set()
        for number, state in enumerate(RunState, start=1):
            if number > 12:
                break
            await books.put("adjust_only", books.key(number))
            if state in {RunState.NOTIFYING, RunState.CLOSED}:
                continue
            run = await beneath(books, state, number)
            await books.ask(books.asked(A, by="fin", number=number))
            expected |= {run.id} if FROZEN[state] else set()
        assert set(await runs(home)) == expected

    async def test_are_moved_by_an_exception_too(self, home: Home) -> None:
        books = await kept(home)
        await books.put("adjust_only", books.key())
        run = await beneath(books)
        with pytest.raises(AdjustmentsOnly):
            await books.ask(books.asked(T))
        assert await runs(home) == []
        async with home.transaction() as tx:
            await tx.periods.grant(books.exception(books.key()))
        await books.ask(books.asked(T))
        assert await runs(home) == [run.id]

    async def test_are_of_the_period_and_the_entity(self, home: Home) -> None:
        books = await kept(home)
        await books.put("adjust_only", books.key(3), books.key(4))
        await beneath(books)
        await books.ask(books.asked(A, by="fin", number=4))
        assert await runs(home) == []


FROZEN: dict[Any, bool] = {
    state: state.name in {"FREEZING", "TASKS", "VALIDATING", "REMEDIATING", "AWAITING_APPROVAL"} for state in RunState
}
