"""What lost its worker is leased by itself, so that it can take nobody with it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports.commands import SUSPECTS, Types
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_commands import WRONG, ids, made, move, put, read, taken


class TestSuspects:
    @pytest.mark.req("CB-24")
    async def test_take_by_themselves_those_that_lost_their_workers(self, home: Home) -> None:
        await put(home, *(made(home, each) for each in "abcd"))
        for each in (await taken(home, 2))[1]:
            await move(home, each, lambda it: it.crashed(WRONG))
        assert ids((await taken(home))[1]) == ["a", "b"]
        for name in "ab":
            await move(home, await read(home, name), lambda it: it.crashed(WRONG))
        await put(home, made(home, "0", at=LONG_AGO - timedelta(days=1)))
        assert ids((await taken(home))[1]) == ["0", "c", "d"]

    async def test_leave_those_that_lost_their_workers_where_they_are_not_wanted(self, home: Home) -> None:
        await put(home, *(made(home, each) for each in "abc"))
        await move(home, (await taken(home, 1))[1][0], lambda it: it.crashed(WRONG))
        async with home.transaction() as tx:
            healthy = await tx.commands.lease(
                "ledger", 9, tx.now + timedelta(minutes=1), uuid4(), Types(suspects=False)
            )
        assert ids(healthy) == ["b", "c"]
        assert ids((await taken(home))[1]) == ["a"]

    async def test_take_no_more_that_lost_their_workers_than_are_executed_one_by_one(self, home: Home) -> None:
        await put(home, *(made(home, f"{number:02}") for number in range(SUSPECTS + 9)))
        for each in (await taken(home, 100))[1]:
            await move(home, each, lambda it: it.crashed(WRONG))
        assert len((await taken(home, 100))[1]) == SUSPECTS
