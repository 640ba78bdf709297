"""What may be posted is said alike by the database, by its twin and by the domain's table."""

from dataclasses import replace
from datetime import date
from itertools import product
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.ports.periods import Postable
from domain.calendars import NoPeriod
from domain.errors import Refusal
from domain.people import GRANTS, Permission
from domain.periods import (
    AdjustmentForbidden,
    AdjustmentsOnly,
    BooksMissing,
    GateKey,
    NotAdjustable,
    Operation,
    PeriodClosed,
    ScopeMissing,
)
from tests.contract.books import A, C, Kept, R, T, kept
from tests.contract.homes import Home, moved_in
from tests.contract.stands import EXCEPTIONS, NOW, grant, places_in

ASKERS = ("viv", "fin", "ope")


def said(answer: Refusal | Postable) -> object:
    return answer if isinstance(answer, Postable) else (type(answer), str(answer), answer.facts)


@pytest.mark.req("FP32", "FP33", "FP34", "FP36")
class TestTable:
    async def test_is_the_same_everywhere(self, home: Home) -> None:
        places = await places_in(home)
        wrong = []
        for gate, operation, by in product(places.gates.values(), Operation, ASKERS):
            number = places.books.year.periods.index(gate.key.period) + 1
            asked = places.books.asked(operation, by=by, number=number, scope=gate.key.scope)
            try:
                found: Refusal | Postable = await places.books.ask(asked)
            except Refusal as refusal:
                found = refusal
            expected = places.expected(gate, operation, by, run_token=False)
            if said(found) != said(expected):
                wrong.append((gate.status, gate.posting, operation, by, gate.key.scope, said(found), said(expected)))
        assert wrong == []

    async def test_is_the_same_for_whoever_closes(self, home: Home) -> None:
        """With a token for this gate, and with one for another."""
        places = await places_in(home)
        for gate, mine in product(list(places.gates.values())[:: len(EXCEPTIONS)], (True, False)):
            number = places.books.year.periods.index(gate.key.period) + 1
            held = gate.key if mine else replace(gate.key, scope="MINE")
            try:
                found: Refusal | Postable = await closing(places.books, held, number, gate.key.scope)
            except Refusal as refusal:
                found = refusal
            assert said(found) == said(places.expected(gate, C, "viv", run_token=mine))


class TestPlace:
    @pytest.fixture
    async def books(self, home: Home) -> Kept:
        return await kept(home)

    @pytest.mark.req("FP31")
    async def test_a_day_in_no_period_is_refused_with_those_beside_it(self, books: Kept) -> None:
        await books.put("all", books.key(1), books.key(12))
        with pytest.raises(NoPeriod) as refused:
            await books.ask(books.asked(day=date(2025, 1, 1)))
        december = {"year": "2024", "number": 12, "begins": "2024-12-01", "ends": "2024-12-31"}
        december["name"] = books.called(12).name
        assert refused.value.facts == {"date": "2025-01-01", "before": december, "after": None}
        with pytest.raises(NoPeriod) as refused:
            await books.ask(books.asked(day=date(2023, 12, 31)))
        assert refused.value.facts["before"] is None

    async def test_the_adjusting_period_is_meant_only_by_its_number(self, books: Kept) -> None:
        await books.put("all", books.key(13))
        await books.put("closed", books.key(12))
        found = await books.ask(books.asked(A, number=13))
        assert found.period == books.period(13)
        with pytest.raises(PeriodClosed):
            await books.ask(books.asked(A, day=date(2024, 12, 31)))
        for number in (12, 14, 0):
            with pytest.raises(NoPeriod) as refused:
                await books.ask(books.asked(A, day=date(2024, 12, 31), period=number))
            assert refused.value.facts == {"date": "2024-12-31", "number": number}

    async def test_an_entity_without_books_and_an_unknown_scope_are_refused(self, books: Kept) -> None:
        await books.put("all", books.key())
        for operation in (T, R):
            with pytest.raises(BooksMissing) as without:
                await books.ask(replace(books.asked(operation), entity="at"))
            assert without.value.facts == {"entity": "at"}
            with pytest.raises(ScopeMissing) as unknown:
                await books.ask(books.asked(operation, scope="INV"))
            assert unknown.value.facts == {"scope": "INV"}

    @pytest.mark.req("FP35")
    async def test_a_scope_is_shut_by_itself(self, books: Kept) -> None:
        await books.put("closed", books.key(3, "AP"))
        await books.put("all", books.key(3, "GL"))
        assert (await books.ask(books.asked(scope="GL"))).epoch == 1
        with pytest.raises(PeriodClosed):
            await books.ask(books.asked(scope="AP"))

    @pytest.mark.req("FP43")
    async def test_a_close_of_one_tenant_leaves_the_others_alone(self, books: Kept, home: Home) -> None:
        other = await kept(await moved_in(home.store))
        await other.put("all", other.key())
        await books.put("closed", books.key())
        assert (await other.ask(other.asked())).period == other.period(3)


@pytest.mark.req("FP36")
class TestExceptions:
    @pytest.fixture
    async def books(self, home: Home) -> Kept:
        books = await kept(home)
        await books.put("closed", books.key())
        return books

    async def test_let_in_as_many_as_they_say(self, books: Kept) -> None:
        await grant(books, books.key(), most_entries=2)
        for _ in range(2):
            await books.ask(books.asked())
        with pytest.raises(PeriodClosed):
            await books.ask(books.asked())

    async def test_are_used_one_after_the_other_the_unlimited_first(self, books: Kept) -> None:
        few, many = await grant(books, books.key(), most_entries=1), await grant(books, books.key())
        await books.ask(books.asked())
        async with books.home.transaction() as tx:
            assert [use.exception for use in await tx.periods.uses(books.key())] == [many.id]
            await tx.periods.revoke(replace(many, revoked_at=NOW, revoked_by=books.home.ada.id))
        await books.ask(books.asked())
        async with books.home.transaction() as tx:
            assert [use.exception for use in await tx.periods.uses(books.key())] == [many.id, few.id]

    async def test_are_not_used_up_by_what_needs_none(self, books: Kept) -> None:
        await books.put("all", books.key(4))
        await grant(books, books.key(4), most_entries=1, operations=frozenset({T, A}))
        for operation in (T, A, R):
            await books.ask(books.asked(operation, number=4))
        async with books.home.transaction() as tx:
            assert await tx.periods.uses(books.key(4)) == []

    async def test_of_a_refused_posting_are_not_used(self, books: Kept) -> None:
        await grant(books, books.key(), most_entries=1)
        with pytest.raises(ZeroDivisionError):
            await fail(books)
        await books.ask(books.asked())

    async def test_an_adjustment_needs_the_permission_or_one(self, books: Kept) -> None:
        await books.put("adjust_only", books.key(4))
        await books.put("none", books.key(5))
        with pytest.raises(AdjustmentForbidden):
            await books.ask(books.asked(A, number=4))
        with pytest.raises(AdjustmentsOnly):
            await books.ask(books.asked(T, by="fin", number=4))
        with pytest.raises(NotAdjustable):
            await books.ask(books.asked(A, by="fin", number=5))
        await grant(books, books.key(4), operations=frozenset({A}))
        for by in ("viv", "fin"):
            await books.ask(books.asked(A, by=by, number=4))
        async with books.home.transaction() as tx:
            assert [use.actor for use in await tx.periods.uses(books.key(4))] == [books.people["viv"].id]


async def closing(books: Kept, held: GateKey, number: int, scope: str) -> Postable:
    async with books.home.transaction() as tx:
        await tx.periods.hold([held])
        token = await tx.periods.put_token(uuid4(), [held])
        found: Postable = await tx.periods.assert_postable(books.asked(C, number=number, scope=scope, run_token=token))
        await tx.periods.drop_token(token)
        return found


async def fail(books: Kept) -> None:
    async with books.home.transaction() as tx:
        await tx.periods.assert_postable(books.asked())
        raise ZeroDivisionError


async def test_who_may_adjust_is_known_to_the_database_by_role(store: PostgresStore) -> None:
    home = await moved_in(store)
    async with home.transaction() as tx:
        rows = await (await tx._session.connection()).exec_driver_sql("SELECT role FROM fiscal.adjusting_role")
        known = {row.role for row in rows}
    assert known == {role.value for role, given in GRANTS.items() if Permission.PERIODS_ADJUST in given}
