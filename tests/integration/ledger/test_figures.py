"""Amounts are exact, a posted entry is even in every currency, and a journal's figures tell whether anything moved."""

import asyncio
import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from domain.closures import AccountKind, Entry, PostedSince
from domain.periods import GateKey
from examples.ledger import journals
from examples.ledger.entries import Draft, Module, credit, debit
from examples.ledger.refusals import NoLines, StrangeCurrency, TrialBalanceInvalid, Unbalanced
from examples.ledger.sessions import work
from examples.ledger.trial_balance import COLUMNS, read
from tests.conftest import housed
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping, named, rent

MARCH = date(2024, 3, 14)
TAKEN_OVER = Path(__file__).parents[3] / "examples" / "ledger" / "data" / "trial_balance_2024.csv"
HEAD = ",".join(COLUMNS)


@pytest.mark.req("FP48")
class TestEntry:
    async def test_that_is_a_cent_off_is_not_posted(self, books: Bookkeeping) -> None:
        draft = Draft(Module.GL, MARCH, "A cent off", (debit("6200", "100.00"), credit("2000", "99.99")))
        entry = await books.ledger().draft(draft)
        with pytest.raises(Unbalanced) as raised:
            await books.ledger().post(entry)
        assert raised.value.facts["sums"] == [{"currency": "EUR", "debit": "100.0000", "credit": "99.9900"}]

    async def test_that_floats_would_find_uneven_is_posted(self, books: Bookkeeping) -> None:
        lines = (debit("6200", "0.1"), debit("6200", "0.2"), credit("2000", "0.3"))
        await books.ledger().post(await books.ledger().draft(Draft(Module.GL, MARCH, "Three lines", lines)))
        balances = await books.ledger().balances(Module.GL, books.periods["2024-03"])
        assert sum(each.amount for each in balances) == 0

    async def test_is_even_in_each_currency_by_itself(self, books: Bookkeeping) -> None:
        lines = (debit("6200", "10"), credit("2000", "10", "USD"))
        entry = await books.ledger().draft(Draft(Module.GL, MARCH, "Two currencies", lines))
        with pytest.raises(Unbalanced) as raised:
            await books.ledger().post(entry)
        assert [each["currency"] for each in raised.value.facts["sums"]] == ["EUR", "USD"]

    async def test_without_lines_is_not_posted(self, books: Bookkeeping) -> None:
        entry = await books.ledger().draft(Draft(Module.GL, MARCH, "Nothing"))
        with pytest.raises(NoLines):
            await books.ledger().post(entry)

    async def test_keeps_to_the_currency_of_an_account(self, books: Bookkeeping) -> None:
        entry = await books.ledger().draft(
            Draft(Module.GL, MARCH, "Euros", (debit("1530", "10"), credit("4000", "10")))
        )
        with pytest.raises(StrangeCurrency) as raised:
            await books.ledger().post(entry)
        assert raised.value.facts["accounts"] == ["1530"]


class TestControl:
    async def test_counts_and_sums_what_was_posted(self, books: Bookkeeping) -> None:
        await books.posted(MARCH, amount="100.10")
        last = await books.ledger().post(await books.ledger().draft(rent(MARCH, amount="0.20")))
        await books.ledger().draft(rent(MARCH))
        control = await books.control(Module.AP, "2024-03")
        assert (control.entries, control.high_water) == (2, str(last.number))
        assert [(each.currency, each.debit, each.credit) for each in control.totals] == [
            ("EUR", Decimal("100.30"), Decimal("100.30"))
        ]

    @pytest.mark.req("FP68")
    async def test_lists_what_was_posted_after_an_entry(self, books: Bookkeeping) -> None:
        ledger = books.ledger()
        drafts = [await ledger.draft(rent(MARCH, amount=amount)) for amount in ("1.10", "2.20", "3.30")]
        made = [await ledger.post(each) for each in drafts]
        await ledger.draft(rent(MARCH))
        async with books.store.transaction(books.house.id) as tx:
            asked = (named(Module.AP), ENTITY, books.periods["2024-03"])
            since = await tx.modules.posted_since(*asked, str(made[0].number))
            assert since == PostedSince(2, tuple(
                Entry(str(each.entry.id), MARCH, {"EUR": Decimal(amount)})
                for each, amount in zip(made[1:], ("2.2", "3.3"), strict=True)
            ))  # fmt: skip
            whole = await tx.modules.posted_since(*asked, None)
            assert whole is not None
            assert whole.count == 3
            assert await tx.modules.posted_since(*asked, str(made[2].number)) == PostedSince(0, ())

    async def test_of_an_empty_journal_is_told_too(self, books: Bookkeeping) -> None:
        control = await books.control(Module.PAY, "2024-03")
        assert (control.entries, control.high_water, control.totals) == (0, None, ())
        assert control.digest == "sha256:" + hashlib.sha256().hexdigest()

    async def test_shows_what_was_changed_behind_the_rules(
        self, books: Bookkeeping, superuser: asyncpg.Connection
    ) -> None:
        entry = await books.posted(MARCH)
        before = await books.control(Module.AP, "2024-03")
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = replica")  # no trigger fires
            await superuser.execute(
                "UPDATE ledger.line SET debit = debit + 0.01 WHERE entry = $1 AND debit > 0", entry.id
            )
        after = await books.control(Module.AP, "2024-03")
        assert after.digest != before.digest
        assert [each.difference for each in after.totals] == [Decimal("0.01")]
        balances = await books.ledger().balances(Module.AP, books.periods["2024-03"])
        assert sum(each.amount for each in balances) == Decimal("0.01")

    async def test_another_tenant_sees_nothing_of_it(self, books: Bookkeeping, store: PostgresStore) -> None:
        await books.posted(MARCH)
        strangers = await housed(store)
        async with store.transaction(strangers.id) as tx:
            for module in (Module.AP, Module.GL):
                control = await tx.modules.control(named(module), ENTITY, books.periods["2024-03"])
                assert control.entries == 0
        books.house = strangers
        assert await books.rows("SELECT 1 FROM ledger.journal UNION ALL SELECT 1 FROM ledger.line") == []

    @pytest.mark.req("FP38")
    async def test_has_what_was_being_posted_when_the_close_came(self, books: Bookkeeping) -> None:
        key = GateKey(ENTITY, books.periods["2024-03"], Module.AP)

        async def close() -> int:
            async with books.store.transaction(books.house.id) as tx:
                held = await tx.periods.hold([key])
                await tx.periods.move([held[key].closed(books.house.root.id, tx.now, "because")])
                return (await tx.modules.control(named(Module.AP), ENTITY, key.period)).entries

        draft = await books.ledger().draft(rent(MARCH))
        async with work(books.engine, books.desk()) as at:
            await journals.post(at, books.desk(), draft)
            closing = asyncio.create_task(close())
            done, _ = await asyncio.wait({closing}, timeout=0.5)
            assert not done
        assert await closing == 1


class TestBalances:
    async def test_tell_what_is_in_suspense(self, books: Bookkeeping) -> None:
        lines = (debit("1510", "12.30"), credit("1590", "12.30"))
        await books.ledger().post(await books.ledger().draft(Draft(Module.GL, MARCH, "From whom?", lines)))
        async with books.store.transaction(books.house.id) as tx:
            told = await tx.modules.balances(named(Module.GL), ENTITY, books.periods["2024-03"])
        assert [(each.account, each.kind, each.balance) for each in told] == [
            ("1510", AccountKind.BALANCE_SHEET, Decimal("12.30")),
            ("1590", AccountKind.SUSPENSE, Decimal("-12.30")),
        ]


class TestTrialBalance:
    async def test_is_taken_over_whole(self, books: Bookkeeping) -> None:
        balance = read(TAKEN_OVER.read_text(encoding="utf-8"))
        posted = await books.ledger().take_over(balance, date(2024, 12, 31), "Taken over from the old system")
        assert posted.period_id == books.periods["2024-12"]
        there = await books.ledger().balances(Module.GL, posted.period_id)
        assert {(each.account, each.currency): each.amount for each in there} == {
            (line.account, line.currency): line.debit - line.credit for line in balance.lines
        }
        assert {each.currency for each in there} == {"EUR", "USD"}
        assert len({each.account for each in there}) >= 60

    @pytest.mark.req("FP48")
    async def test_that_is_a_cent_off_is_not_taken_over(self, books: Bookkeeping) -> None:
        written = TAKEN_OVER.read_text(encoding="utf-8").replace(",EUR,743.15,", ",EUR,743.16,")
        with pytest.raises(Unbalanced):
            await books.ledger().take_over(read(written), date(2024, 12, 31), "A cent off")
        assert await books.rows("SELECT 1 FROM ledger.account WHERE code = '0100'") == []

    @pytest.mark.parametrize(
        ("row", "fault"),
        [
            ("1000,Stock,stock,,EUR,1.00,", "kind is one of"),
            ("1000,Stock,balance-sheet,,EUR,1.00,1.00", "either debit or credit"),
            ("1000,Stock,balance-sheet,,EUR,,", "either debit or credit"),
            ("1000,Stock,balance-sheet,,EUR,1.00001,", "either debit or credit"),
            ("1000,Stock,balance-sheet,,EUR,1e3,", "either debit or credit"),
            ("1000,Stock,balance-sheet,,EUR,-1.00,", "either debit or credit"),
            ("1000,Stock,balance-sheet,,EUR,0.00,", "either debit or credit"),
            ("1000,Stock,balance-sheet,,euro,1.00,", "currency is three"),
            ("1000,Stock,balance-sheet,dollars,EUR,1.00,", "held_in"),
            (",Stock,balance-sheet,,EUR,1.00,", "no code"),
            ("1000,,balance-sheet,,EUR,1.00,", "no name"),
            ("1000,Stock", "columns"),
            ("1000,Stock,balance-sheet,,EUR,1.00,,9", "columns"),
        ],
    )
    def test_names_the_line_that_is_wrong(self, row: str, fault: str) -> None:
        with pytest.raises(TrialBalanceInvalid) as raised:
            read(f"{HEAD}\n0100,Land,balance-sheet,,EUR,1.00,\n{row}\n")
        assert [each.startswith("line 3: ") and fault in each for each in raised.value.facts["faults"]] == [True]

    @pytest.mark.parametrize("written", ["", "account,name\n", f"{HEAD}\n"])
    def test_has_its_columns_and_a_line(self, written: str) -> None:
        with pytest.raises(TrialBalanceInvalid):
            read(written)

    def test_names_an_account_once_a_currency(self) -> None:
        twice = "1000,Stock,balance-sheet,,EUR,1.00,\n"
        with pytest.raises(TrialBalanceInvalid, match="no trial balance") as raised:
            read(f"{HEAD}\n{twice}{twice}")
        assert raised.value.facts["faults"] == ["line 3: account 1000 stands above in EUR"]
