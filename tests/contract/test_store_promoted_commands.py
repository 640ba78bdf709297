"""What both stores lease of commands that go alone, and of a tenant that is suspended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from application.ports.commands import EVERY, Types
from domain.commands import CommandRecord
from domain.commands.limits import Room
from domain.commands.states import ParkedKind
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_commands import FOR_A_WHILE, WRONG, ids, lanes, made, move, put, read, taken
from tests.contract.test_store_tenants import founded, moved

REBUILD = "ledger.rebuild"
LONG = frozenset({REBUILD})


async def leased(home: Home, types: Types, most: int = 9) -> list[str]:
    async with home.transaction() as tx:
        return ids(await tx.commands.lease("ledger", most, tx.now + FOR_A_WHILE, uuid4(), types))


async def promoted(home: Home) -> bool:
    store: Any = home.store
    return (home.tenant.id, "ledger") in await store.due_alone()


class TestAlone:
    async def test_they_are_leased_apart_and_by_their_turn(self, home: Home) -> None:
        whole = made(home, "b", alone=True)
        await put(home, made(home, "a"), whole, made(home, "c", REBUILD), made(home, "d", REBUILD, alone=True))
        assert await read(home, "b") == whole
        assert await promoted(home)
        assert await leased(home, Types(LONG)) == ["a"]
        assert await leased(home, EVERY) == ["c"]
        assert await leased(home, Types(LONG, rooms={"ledger.post-journal": Room(0)}, alone=True)) == []
        assert await leased(home, Types(LONG, alone=True)) == ["b"]
        assert not await leased(home, Types(LONG, alone=True))
        assert await leased(home, Types(LONG, only=True)) == ["d"]
        assert not await promoted(home)

    async def test_one_is_promoted_by_a_move_and_put_back_by_another(self, home: Home) -> None:
        await put(home, made(home, "1"), made(home, "2"))
        first = (await taken(home))[1][0]
        later = await move(home, first, CommandRecord.started, lambda it: it.waiting(LONG_AGO, WRONG).promoted())
        assert later.alone
        assert await read(home, "1") == later
        assert await promoted(home)
        async with home.transaction() as tx:
            await tx.commands.lease("ledger", 1, tx.now + FOR_A_WHILE, uuid4(), Types(alone=True))
        again = await move(
            home,
            await read(home, "1"),
            CommandRecord.started,
            lambda it: it.parked_as(ParkedKind.EXHAUSTED, WRONG),
        )
        again = await move(home, again, lambda it: it.retried(LONG_AGO).promoted(alone=False))
        assert ids((await taken(home))[1]) == ["1"]
        assert again.fingerprint == first.fingerprint


class TestSuspended:
    async def test_its_commands_wait_and_go_on(self, home: Home) -> None:
        kid = await founded(home)
        theirs = Home(home.store, replace(home.tenant, id=kid.id), home.ada, home.bob)
        await put(theirs, made(theirs, "1"), made(theirs, "2", REBUILD), made(theirs, "3", alone=True))
        await moved(home, stopped := kid.suspended(LONG_AGO))
        assert (kid.id, "ledger") not in await lanes(home)
        for types in (EVERY, Types(LONG), Types(LONG, only=True), Types(alone=True)):
            assert await leased(theirs, types) == []
        await moved(home, stopped.resumed())
        assert (kid.id, "ledger") in await lanes(home)
        assert await leased(theirs, EVERY) == ["1", "2"]
        assert await leased(theirs, Types(alone=True)) == ["3"]

    async def test_what_is_leased_is_carried_out(self, home: Home) -> None:
        kid = await founded(home)
        theirs = Home(home.store, replace(home.tenant, id=kid.id), home.ada, home.bob)
        await put(theirs, made(theirs, "1"))
        (record,) = (await taken(theirs))[1]
        await moved(home, kid.suspended(LONG_AGO))
        done = await move(theirs, record, CommandRecord.started, lambda it: it.completed(7, LONG_AGO + timedelta(1)))
        assert done.over
