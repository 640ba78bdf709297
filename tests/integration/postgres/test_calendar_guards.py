"""What the tables refuse whoever writes to them, in raw SQL as the product's own login."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from tests.conftest import House, housed

MONTHS = [f"daterange('2024-{month:02}-01', '{'2025-01' if month == 12 else f'2024-{month + 1:02}'}-01')"
          for month in range(1, 13)]  # fmt: skip
CALENDAR = "INSERT INTO fiscal_calendar (tenant_id, calendar_id, entity, code, version) VALUES ($1, $2, $3, $4, 1)"
VERSION = (
    "INSERT INTO fiscal_calendar_version (tenant_id, calendar_id, version, from_year, rule, short_periods, written_by, "
    "reason) VALUES ($1, $2, 1, 1900, '{}', 'separate', $3, 'r')"
)
YEAR = (
    "INSERT INTO fiscal_year (tenant_id, year_id, calendar_id, version, number, kind, label, span, made_by, reason) "
    "VALUES ($1, $2, $3, 1, $4, $5, 'x', "
)
PERIOD = (
    "INSERT INTO fiscal_period (tenant_id, period_id, calendar_id, year_id, number, kind, span, name) "
    "VALUES ($1, gen_random_uuid(), $2, $3, $4, $5, "
)


@dataclass
class Ledger:
    """One calendar of a tenant, to which raw SQL writes."""

    line: asyncpg.Connection
    tenant: UUID
    calendar: UUID

    async def run(self, *statements: tuple[Any, ...]) -> None:
        """One transaction, bound to the tenant."""
        async with self.line.transaction():
            await self.line.execute("SELECT set_config('app.tenant_id', $1, true)", str(self.tenant))
            for statement, *values in statements:
                await self.line.execute(statement, *values)

    def year(self, id_: UUID, number: int, span: str, kind: str = "standard") -> tuple[Any, ...]:
        return f"{YEAR}{span}, $6, 'r')", self.tenant, id_, self.calendar, number, kind, uuid4()

    def period(self, year: UUID, number: int, span: str, kind: str = "standard") -> tuple[Any, ...]:
        return f"{PERIOD}{span}, 'x')", self.tenant, self.calendar, year, number, kind

    async def whole_year(self) -> UUID:
        """2024, month by month."""
        year = uuid4()
        months = [self.period(year, number, span) for number, span in enumerate(MONTHS, 1)]
        await self.run(self.year(year, 2024, "daterange('2024-01-01', '2025-01-01')"), *months)
        return year


async def opened(line: asyncpg.Connection, tenant: UUID, entity: str = "") -> Ledger:
    ledger = Ledger(line, tenant, uuid4())
    await ledger.run(
        (CALENDAR, tenant, ledger.calendar, entity, f"c{ledger.calendar.hex[:8]}"),
        (VERSION, tenant, ledger.calendar, uuid4()),
    )
    return ledger


@pytest_asyncio.fixture
async def ledger(line: asyncpg.Connection, house: House) -> Ledger:
    return await opened(line, house.id)


@pytest.mark.req("FP21", "SM-D10", "FR-SM-021")
class TestOverlap:
    @pytest.mark.parametrize(
        "span",
        [
            "daterange('2024-01-31', '2024-02-29', '[]')",
            "daterange('2024-01-10', '2024-01-20')",
            "daterange('2023-12-01', '2025-02-01')",
            "daterange('2024-01-01', '2024-02-01')",
        ],
        ids=["one day", "within", "enclosing", "same"],
    )
    async def test_two_standard_periods_share_no_day(self, ledger: Ledger, span: str) -> None:
        year = await ledger.whole_year()
        with pytest.raises(asyncpg.ExclusionViolationError, match="periods_do_not_overlap"):
            await ledger.run(ledger.period(year, 13, span))

    async def test_neighbours_and_other_calendars_and_tenants_may(
        self, ledger: Ledger, line: asyncpg.Connection, store: PostgresStore
    ) -> None:
        await ledger.whole_year()
        await (await opened(line, ledger.tenant)).whole_year()
        await (await opened(line, (await housed(store)).id)).whole_year()

    async def test_an_adjusting_period_lies_within_the_last(self, ledger: Ledger) -> None:
        year = await ledger.whole_year()
        for number in (13, 14):
            await ledger.run(ledger.period(year, number, "daterange('2024-12-31', '2025-01-01')", "adjusting"))

    async def test_years_share_no_day(self, ledger: Ledger) -> None:
        await ledger.whole_year()
        with pytest.raises(asyncpg.ExclusionViolationError, match="years_do_not_overlap"):
            await ledger.run(ledger.year(uuid4(), 2025, "daterange('2024-12-31', '2025-12-31')"))

    @pytest.mark.parametrize("span", ["'empty'", "daterange('2025-01-01', NULL)", "daterange(NULL, '2024-01-01')"])
    async def test_a_year_has_a_beginning_and_an_end(self, ledger: Ledger, span: str) -> None:
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.DataError)):
            await ledger.run(ledger.year(uuid4(), 2025, span))


class TestContainment:
    @pytest.mark.req("FP23")
    async def test_a_period_does_not_straddle_two_years(self, ledger: Ledger) -> None:
        """Together they cover it: the temporal foreign key alone lets it pass."""
        one, two = uuid4(), uuid4()
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await ledger.run(
                ledger.year(one, 2024, "daterange('2024-01-01', '2025-01-01')"),
                ledger.year(two, 2025, "daterange('2025-01-01', '2026-01-01')"),
                ledger.period(one, 1, "daterange('2024-12-15', '2025-01-14', '[]')"),
            )
        assert refused.value.constraint_name == "period_is_within_its_year"

    async def test_nor_does_an_adjusting_one(self, ledger: Ledger) -> None:
        year = await ledger.whole_year()
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="span"):
            await ledger.run(ledger.period(year, 13, "daterange('2023-12-31', '2024-01-01')", "adjusting"))

    async def test_a_period_is_of_a_year_of_its_calendar(self, ledger: Ledger, line: asyncpg.Connection) -> None:
        year = await (await opened(line, ledger.tenant)).whole_year()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await ledger.run(ledger.period(year, 13, "daterange('2024-12-31', '2025-01-01')", "adjusting"))


class TestGaps:
    @pytest.mark.req("FP22")
    async def test_a_period_that_goes_leaves_a_gap_which_the_commit_refuses(self, ledger: Ledger) -> None:
        year = await ledger.whole_year()
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await ledger.run(("DELETE FROM fiscal_period WHERE year_id = $1 AND number = 5", year))
        assert refused.value.constraint_name == "periods_are_contiguous"
        assert orjson.loads(refused.value.detail or "") == {"gaps": [{"begins": "2024-05-01", "ends": "2024-05-31"}]}

    async def test_within_one_transaction_a_period_may_be_cut_in_two(self, ledger: Ledger) -> None:
        year = await ledger.whole_year()
        await ledger.run(
            ("DELETE FROM fiscal_period WHERE year_id = $1 AND number = 12", year),
            ledger.period(year, 12, "daterange('2024-12-01', '2024-12-15')"),
            ledger.period(year, 13, "daterange('2024-12-15', '2025-01-01')"),
        )

    async def test_a_year_without_periods_is_all_gap(self, ledger: Ledger) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="days belong to nothing"):
            await ledger.run(ledger.year(uuid4(), 2024, "daterange('2024-01-01', '2025-01-01')"))

    async def test_years_stand_side_by_side(self, ledger: Ledger) -> None:
        await ledger.whole_year()
        year, span = uuid4(), "daterange('2026-01-01', '2027-01-01')"
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await ledger.run(ledger.year(year, 2026, span), ledger.period(year, 1, span))
        assert refused.value.constraint_name == "years_are_contiguous"
        assert orjson.loads(refused.value.detail or "") == {"gaps": [{"begins": "2025-01-01", "ends": "2025-12-31"}]}

    async def test_two_that_write_at_once_leave_none_between_them(self, ledger: Ledger, database_url: str) -> None:
        async def write(number: int) -> str:
            other = await asyncpg.connect(database_url)
            try:
                mine, year = Ledger(other, ledger.tenant, ledger.calendar), uuid4()
                span = f"daterange('{number}-01-01', '{number + 1}-01-01')"
                await mine.run(mine.year(year, number, span), mine.period(year, 1, span))
            except asyncpg.CheckViolationError:
                return "refused"
            finally:
                await other.close()
            return "written"

        assert sorted(await asyncio.gather(write(2024), write(2026))) == ["refused", "written"]


class TestUse:
    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM fiscal_year WHERE year_id = $1",
            "DELETE FROM fiscal_period WHERE year_id = $1 AND number = 12",
            "UPDATE fiscal_year SET used = false WHERE year_id = $1",
        ],
    )
    @pytest.mark.req("FP25")
    async def test_what_was_used_stays(self, ledger: Ledger, statement: str) -> None:
        year = await ledger.whole_year()
        await ledger.run(("UPDATE fiscal_year SET used = true WHERE year_id = $1", year))
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await ledger.run((statement, year))
        assert refused.value.constraint_name == "used_year_stays"

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE fiscal_year SET span = 'empty'",
            "UPDATE fiscal_year SET number = 1",
            "UPDATE fiscal_period SET span = 'empty'",
            "UPDATE fiscal_period SET kind = 'adjusting'",
            "UPDATE fiscal_calendar SET entity = 'x'",
            "UPDATE fiscal_calendar_version SET rule = '{}'",
            "DELETE FROM fiscal_calendar_version",
            "DELETE FROM fiscal_calendar",
            "UPDATE legal_entity SET parent = 'x'",
            "DELETE FROM legal_entity",
        ],
    )
    @pytest.mark.req("FP25")
    async def test_what_was_made_is_not_made_otherwise(self, ledger: Ledger, statement: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ledger.run((statement,))


class TestScope:
    async def test_the_tenant_as_a_whole_has_one_calendar_of_a_code(self, ledger: Ledger) -> None:
        """Null would not equal null here: an empty name of an entity equals another."""
        row = "INSERT INTO fiscal_calendar (tenant_id, calendar_id, code, version) VALUES ($1, $2, 'same', 1)"
        await ledger.run((row, ledger.tenant, uuid4()))
        with pytest.raises(asyncpg.UniqueViolationError, match="one_calendar_of_a_code"):
            await ledger.run((row, ledger.tenant, uuid4()))

    async def test_a_calendar_is_of_an_entity_that_is_there(self, ledger: Ledger) -> None:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await opened(ledger.line, ledger.tenant, "nobody")
