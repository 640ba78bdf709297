from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.ports.periods import EntityBooks
from domain.errors import Stale
from domain.periods import (
    BooksInUse,
    GateKey,
    GateNotHeld,
    Grantee,
    LateEntries,
    Operation,
    PeriodGate,
    Posting,
    Scope,
    StaleEpoch,
    Status,
)
from tests.contract.books import A, C, Kept, T, kept
from tests.contract.homes import LONG_AGO, Home, moved_in


@pytest.fixture
async def books(home: Home) -> Kept:
    return await kept(home)


class TestBooks:
    async def test_are_kept_over_the_version_before(self, books: Kept) -> None:
        second = EntityBooks("de", books.calendar, LateEntries.SWEEP, 2, 2, opens_itself=True)
        async with books.home.transaction() as tx:
            first = await tx.books.get("de", lock=True)
            assert first == EntityBooks("de", books.calendar, LateEntries.REJECT, None, 1)
            await tx.books.put(second)
            assert await tx.books.get("de") == second
            assert await tx.books.all() == [second]
            assert [await tx.books.at("de", version) for version in range(4)] == [None, first, second, None]
            assert await tx.books.get("at") is None
        for stale in (first, second, replace(second, version=4)):
            with pytest.raises(Stale):
                async with books.home.transaction() as tx:
                    await tx.books.put(stale)

    async def test_stay_with_their_calendar_once_a_gate_is_there(self, books: Kept) -> None:
        moved = EntityBooks("de", await another_calendar(books), LateEntries.REJECT, None, 2)
        async with books.home.transaction() as tx:
            await tx.books.put(moved)
            await tx.books.put(replace(moved, calendar=books.calendar, version=3))
        await books.put("all", books.key())
        with pytest.raises(BooksInUse):
            async with books.home.transaction() as tx:
                await tx.books.put(replace(moved, version=4))
        async with books.home.transaction() as tx:
            await tx.books.put(EntityBooks("de", books.calendar, LateEntries.SWEEP, None, 4))


class TestScopes:
    async def test_are_kept_over_the_version_before(self, books: Kept) -> None:
        second = Scope("AP", "Suppliers", sequential=True, version=2)
        async with books.home.transaction() as tx:
            assert [each.code for each in await tx.books.scopes()] == ["AP", "GL"]
            await tx.books.put_scope(second)
            assert (await tx.books.scopes())[0] == second
        with pytest.raises(Stale):
            async with books.home.transaction() as tx:
                await tx.books.put_scope(second)


class TestGates:
    async def test_without_a_row_are_pending(self, books: Kept) -> None:
        async with books.home.transaction() as tx:
            assert await tx.periods.gates("de", [books.period(3)]) == []
            assert await tx.periods.hold([books.key()]) == {books.key(): PeriodGate.pending(books.key())}
            assert await tx.periods.hold([]) == {}

    async def test_move_step_by_step_and_every_step_is_kept(self, books: Kept) -> None:
        key, other = books.key(), books.key(3, "GL")
        await books.put("closed", key)
        (shut,) = await books.put("all", other)
        async with books.home.transaction() as tx:
            gates = await tx.periods.gates("de", [books.period(3), books.period(4)])
            assert [(gate.key.scope, gate.status, gate.epoch) for gate in gates] == [
                ("AP", Status.CLOSED, 2),
                ("GL", Status.OPEN, 1),
            ]
            assert gates[1] == shut
            past = await tx.periods.history(key, 99, 9)
            assert [(gate.status, gate.posting, gate.epoch) for gate in past] == [
                (Status.CLOSED, Posting.NONE, 2),
                (Status.OPEN, Posting.ALL, 1),
            ]
            assert past[0] == gates[0]
            assert await tx.periods.history(key, 2, 9) == past[1:]
            assert await tx.periods.history(key, 99, 1) == past[:1]

    async def test_move_from_the_epoch_that_was_seen(self, books: Kept) -> None:
        (gate,) = await books.put("all", books.key())
        for stale in (gate, replace(gate, epoch=3), replace(PeriodGate.pending(books.key(4)), epoch=2)):
            with pytest.raises(StaleEpoch):
                await move(books, stale, held=stale.key)

    async def test_move_only_while_they_are_held(self, books: Kept) -> None:
        opened = PeriodGate.pending(books.key()).opened(None, LONG_AGO, "because")
        with pytest.raises(GateNotHeld):
            await move(books, opened, held=books.key(4))
        (gate,) = await books.put("all", books.key())
        with pytest.raises(GateNotHeld):
            await move(books, gate.closed(None, LONG_AGO, "because"), held=books.key(4))

    async def test_of_one_tenant_are_not_those_of_another(self, books: Kept, home: Home) -> None:
        other = await kept(await moved_in(home.store))
        await books.put("closed", books.key())
        await other.put("all", other.key())
        async with other.home.transaction() as tx:
            assert await tx.periods.gates("de", [books.period(3)]) == []
            (own,) = await tx.periods.gates("de", [other.period(3)])
            assert own.status is Status.OPEN


class TestExceptions:
    async def test_are_kept_until_they_are_revoked(self, books: Kept) -> None:
        key = books.key()
        granted = books.exception(key, operations=frozenset({T, A}), most_entries=3)
        for_role = books.exception(books.key(4), grantee=Grantee.ROLE, who="Operator")
        over = books.exception(key, ends=LONG_AGO + timedelta(days=2), begins=LONG_AGO)
        every = sorted([granted, for_role, over], key=lambda each: each.id)
        async with books.home.transaction() as tx:
            for each in every:
                await tx.periods.grant(each)
            assert await tx.periods.exception(granted.id, lock=True) == granted
            assert await tx.periods.exception(uuid4()) is None
            assert await tx.periods.exceptions("de", None, None, 9) == every
            assert await tx.periods.exceptions("de", None, every[0].id, 1) == every[1:2]
            assert await tx.periods.exceptions("de", books.period(4), None, 9) == [for_role]
            assert await tx.periods.exceptions("at", None, None, 9) == []
            assert await tx.periods.live("de") == [each for each in every if each is not over]
        revoked = replace(granted, revoked_at=LONG_AGO, revoked_by=books.home.bob.id)
        async with books.home.transaction() as tx:
            await tx.periods.revoke(revoked)
            assert await tx.periods.exception(granted.id) == revoked
            assert await tx.periods.live("de") == [for_role]

    async def test_their_uses_are_counted_and_kept(self, books: Kept) -> None:
        await books.put("closed", books.key(), books.key(4))
        granted = books.exception(books.key(), most_entries=2)
        async with books.home.transaction() as tx:
            await tx.periods.grant(granted)
        for _ in range(2):
            await books.ask(books.asked())
        async with books.home.transaction() as tx:
            uses = await tx.periods.uses(books.key())
            assert [(use.exception, use.actor, use.operation, use.epoch) for use in uses] == [
                (granted.id, books.people["viv"].id, Operation.TRANSACTION, 2)
            ] * 2
            assert uses[0].used_at <= uses[1].used_at
            assert await tx.periods.uses(books.key(4)) == []
            found = await tx.periods.exception(granted.id)
            assert found is not None
            assert found.used == 2


class TestTokens:
    async def test_are_for_the_gates_that_are_held(self, books: Kept) -> None:
        (gate,) = await books.put("none", books.key())
        run = uuid4()
        async with books.home.transaction() as tx:
            await tx.periods.hold([gate.key])
            token: UUID = await tx.periods.put_token(run, [gate.key])
            found = await tx.periods.assert_postable(books.asked(C, run_token=token))
            assert (found.period, found.epoch) == (gate.key.period, gate.epoch)
            await tx.periods.drop_token(token)
        with pytest.raises(GateNotHeld):
            async with books.home.transaction() as tx:
                await tx.periods.put_token(run, [gate.key])

    async def test_nobody_closes_without_one(self, store: PostgresStore) -> None:
        """One that is left behind undoes the whole transaction."""
        books = await kept(await moved_in(store))
        (gate,) = await books.put("none", books.key())
        with pytest.raises(Exception, match="does not outlive its transaction"):
            await leave_token(books, gate.key)


async def move(books: Kept, gate: PeriodGate, *, held: GateKey) -> None:
    async with books.home.transaction() as tx:
        await tx.periods.hold([held])
        await tx.periods.move([gate])


async def leave_token(books: Kept, key: GateKey) -> None:
    async with books.home.transaction() as tx:
        await tx.periods.hold([key])
        await tx.periods.put_token(uuid4(), [key])


async def another_calendar(books: Kept) -> UUID:
    """Another one of the same tenant, without years."""
    async with books.home.transaction() as tx:
        first = await tx.calendars.find("books", "")
        await tx.calendars.put(replace(first, id=(other := uuid4()), code="other"))
        return other


async def test_held_gates_are_given_in_their_order(books: Kept) -> None:
    keys = [books.key(4), books.key(3, "GL"), GateKey("de", books.period(3), "AP")]
    async with books.home.transaction() as tx:
        assert list(await tx.periods.hold(keys)) == sorted(keys)
