"""Series of closes are kept whole; what is over stays over, and what they have closed stays closed in them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.records import WaitingKind
from domain.closures import ClosureRun, Mode, RunState
from domain.closures.refusals import SeriesOver
from domain.closures.series import Member, MemberState, Series, SeriesState
from domain.errors import AlreadyExists
from tests.contract.books import ENTITY, Kept, kept
from tests.contract.homes import LONG_AGO, Home


def made(books: Kept, **given: Any) -> Series:
    first = Member(ENTITY, books.period(1), "2024-01", Mode.HARD, ("AP",), "monthly", LONG_AGO)
    second = Member(ENTITY, books.period(2), "2024-02", Mode.YEAR_END, after=(first.key,))
    whole = Series(
        uuid4(), books.home.tenant.id, books.home.ada.id, "quarter end", LONG_AGO, (first, second), 2, why="asked"
    )
    return replace(whole, **given)


async def added(books: Kept, **given: Any) -> Series:
    series = made(books, **given)
    async with books.home.transaction() as tx:
        await tx.closure_series.add(series)
    return series


async def run_of(books: Kept, number: int = 1) -> UUID:
    run = ClosureRun(
        uuid4(), books.home.tenant.id, ENTITY, books.period(number), f"2024-{number:02}", ("AP",), Mode.HARD, 1,
        books.home.ada.id, RunState.INITIATED, LONG_AGO,
    )  # fmt: skip
    async with books.home.transaction() as tx:
        await tx.closures.add(run)
        await tx.closures.mark_started(run.id)
    return run.id


async def saved(books: Kept, series: Series) -> Series:
    async with books.home.transaction() as tx:
        await tx.closure_series.save(series)
        stored: Series = await tx.closure_series.get(series.id, lock=True)
    return stored


class TestSeries:
    async def test_is_kept_as_it_was_asked_for(self, home: Home) -> None:
        series = await added(await kept(home))
        async with home.transaction() as tx:
            assert await tx.closure_series.get(series.id) == series
            assert await tx.closure_series.get(uuid4()) is None
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.closure_series.add(series)

    async def test_pages_are_newest_first(self, home: Home) -> None:
        books = await kept(home)
        ordered = [await added(books, asked_at=LONG_AGO + timedelta(days=day)) for day in range(3)]
        async with home.transaction() as tx:
            first = await tx.closure_series.page(None, 2)
            rest = await tx.closure_series.page((first[-1].asked_at, first[-1].id), 2)
        assert [*first, *rest] == ordered[::-1]

    async def test_moves_and_what_it_has_closed_stays_closed(self, home: Home) -> None:
        books = await kept(home)
        series, run = await added(books), await run_of(books)
        first, second = series.members
        going = await saved(books, series.moved(first.begun(run, joined=False)))
        assert going.members[0] == first.begun(run, joined=False)
        closed = await saved(books, going.moved(going.members[0].ended(RunState.CLOSED)))
        failed = await saved(books, closed.moved(second.refused("period-closed")).settled())
        assert (failed.state, [each.state for each in failed.members]) == (
            SeriesState.STOPPED, [MemberState.CLOSED, MemberState.FAILED],
        )  # fmt: skip
        with pytest.raises(SeriesOver):
            await saved(books, failed.moved(failed.members[0].again()))
        resumed = await saved(books, failed.resumed(home.bob.id))
        assert (resumed.requester, resumed.members[1].state) == (home.bob.id, MemberState.WAITING)

    async def test_is_over_for_good(self, home: Home) -> None:
        books = await kept(home)
        series = await added(books)
        ended = await saved(books, series.aborted("aborted", home.bob.id, "wrong quarter"))
        assert (ended.state, ended.aborted_by, ended.abort_reason) == (
            SeriesState.ABORTED, home.bob.id, "wrong quarter",
        )  # fmt: skip
        with pytest.raises(SeriesOver):
            await saved(books, series)


class TestWaiting:
    """Of every tenant: what never reached a process, and what has not heard that a close of it ended."""

    async def test_until_it_was_started_and_again_when_a_close_of_it_is_over(self, home: Home) -> None:
        books = await kept(home)
        series, run = await added(books), await run_of(books)
        await saved(books, series.moved(series.members[0].begun(run, joined=False)))
        await self.found(home, series)
        async with home.transaction() as tx:
            await tx.closure_series.mark_started(series.id)
        assert series.id not in await self.waiting(home)
        async with home.transaction() as tx:
            stored = await tx.closures.get(run)
            await tx.closures.save(replace(stored, state=RunState.ABORTED))
        await self.found(home, series)
        async with home.transaction() as tx:
            stored = await tx.closure_series.get(series.id)
            await tx.closure_series.save(stored.moved(stored.members[0].ended(RunState.ABORTED)).settled())
        assert series.id not in await self.waiting(home)

    async def found(self, home: Home, series: Series) -> None:
        """Whoever asked for it just now starts it: for two seconds nobody else does."""
        for _ in range(100):
            if series.id in await self.waiting(home):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("nobody would carry it on")

    async def waiting(self, home: Home) -> list[UUID]:
        return [each.id for each in await home.store.waiting() if each.kind is WaitingKind.SERIES]
