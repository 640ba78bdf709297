"""Where a late entry goes is told alike to who asks before posting and to the ledger that posts."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from application.periods.checking import Advice, PostingChecks, Question
from application.periods.known import KnownTables
from domain.closures import Reopening, ReopenReason, ReopenWish
from domain.people import Actor
from domain.periods import LateEntries, Operation, Posting
from tests.contract.homes import LONG_AGO, Home, moved_in
from tests.contract.test_posting_checks import Silent
from tests.gatekeeping import WAYS, Bookroom

ASK = "SELECT mode, next_open FROM fiscal.late_entry_v1($1, 'acme', 'AP', 'transaction', $2)"


async def advised(home: Home, days: list[date]) -> tuple[Advice, ...]:
    checks = PostingChecks(home.store, KnownTables(home.store, Silent()), lambda: datetime.now(UTC))
    ada = Actor(home.tenant.id, home.ada.id, home.ada.handle, roles=home.ada.roles)
    asked = [Question("acme", "AP", Operation.TRANSACTION, day.isoformat()) for day in days]
    return (await checks.ask(ada, asked)).advices


async def told_by_the_ledger(
    line: asyncpg.Connection, tenant: UUID, day: date
) -> tuple[LateEntries, date | None]:  # fmt: skip
    row = await line.fetchrow(ASK, tenant, day)
    assert row is not None
    return LateEntries(row["mode"]), row["next_open"]


@pytest.mark.req("FP70")
@pytest.mark.parametrize("late", LateEntries)
async def test_the_next_open_day_is_the_same(store: PostgresStore, line: asyncpg.Connection, late: LateEntries) -> None:
    home = await moved_in(store)
    books = Bookroom(store, home.tenant.id, home.ada.id)
    await books.furnish(2024)
    await books.late(late)
    dice = random.Random(late)
    for code in books.periods:
        await books.stand(code, "AP", dice.choice(list(WAYS)))
    days = [date(2024, 1, 1) + timedelta(days=each) for each in range(0, 366, 5)]
    entries = [each for each in await advised(home, days) if each.late is not None and each.day is not None]
    assert len(entries) > 5
    for each in entries:
        assert each.day is not None
        assert (each.late, each.next_open) == await told_by_the_ledger(line, home.tenant.id, each.day)


@pytest.mark.req("FP68")
@pytest.mark.parametrize("over", [False, True])
async def test_a_window_that_is_over_is_not_where_it_goes(
    store: PostgresStore, line: asyncpg.Connection, *, over: bool
) -> None:
    home = await moved_in(store)
    books = Bookroom(store, home.tenant.id, home.ada.id)
    await books.furnish(2024)
    for code, state in (("2024-02", "closed"), ("2024-03", "closed"), ("2024-05", "open")):
        await books.stand(code, "AP", state)
    key, ends = books.key("2024-03", "AP"), datetime.now(UTC) + timedelta(hours=1)
    wish = ReopenWish(ReopenReason.TAX, "the auditors asked for this entry", ends, ("AP",))
    change = await home.submitted("reopening")
    asked = Reopening(
        uuid4(), home.tenant.id, "acme", key.period, "2024-03", ("AP",), wish, home.ada.id, change.id, LONG_AGO
    )
    async with store.transaction(home.tenant.id) as tx:
        await tx.reopenings.add(asked)
        gate = (await tx.periods.hold([key]))[key]
        await tx.periods.move([(gate := gate.reopened(Posting.ADJUST_ONLY, home.ada.id, tx.now, "because"))])
        await tx.periods.move([gate.opened(home.ada.id, tx.now, "because")])
        opened = asked.opened((), tx.now)
        await tx.reopenings.save(opened)
        await tx.reopenings.open(opened, [key])
        if over:
            await tx.reopenings.shut(opened.shut(tx.now, "shut_early"))
    day, found = date(2024, 2, 10), date(2024, 5 if over else 3, 1)
    (advice,) = await advised(home, [day])
    assert advice.next_open == found
    assert (await told_by_the_ledger(line, home.tenant.id, day))[1] == found
