import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from domain.environments import Environment
from tests.conftest import House

TABLES = (
    "setting_definition", "setting_definition_version", "setting_rulebook", "setting_space", "setting_entry",
)  # fmt: skip
PUT = (
    "INSERT INTO setting_entry (tenant_id, environment, key, scope, version, state, value, enforced, since, valid, "
    "origin, reason) VALUES ($1, 'dev', 'limit', $2, $3, 'set', '1', false, "
)


@dataclass
class Shelf:
    """One defined setting of a tenant, to which raw SQL writes as the product's own login."""

    line: asyncpg.Connection
    tenant: UUID

    async def run(self, statement: str, *values: Any, by: UUID | None = None) -> str:
        async with self.line.transaction():
            await self.line.execute("SELECT set_config('app.tenant_id', $1, true)", str(by or self.tenant))
            return str(await self.line.execute(statement, *values))

    async def put(self, version: int, since: str, valid: str, scope: str = "") -> str:
        return await self.run(f"{PUT}{since}, {valid}, 'api', 'r')", self.tenant, scope, version)

    async def lasting(self, version: int, since: str, until: str = "NULL", scope: str = "") -> str:
        return await self.put(version, since, f"tstzrange({since}, {until})", scope)

    async def shorten(self, version: int, valid: str) -> str:
        return await self.run(f"UPDATE setting_entry SET valid = {valid} WHERE version = $1", version)  # noqa: S608 -- our own ranges


@pytest_asyncio.fixture
async def shelf(line: asyncpg.Connection, house: House) -> Shelf:
    shelf = Shelf(line, house.id)
    row = "(tenant_id, key, version, definition) VALUES ($1, 'limit', 1, '{}')"
    await shelf.run(f"INSERT INTO setting_definition {row}", house.id)
    await shelf.run(f"INSERT INTO setting_definition_version {row}", house.id)
    await shelf.run("INSERT INTO setting_rulebook (tenant_id, version, rules) VALUES ($1, 1, '[]')", house.id)
    return shelf


SOON, LATER = "timestamptz '2100-01-01Z'", "timestamptz '2100-01-08Z'"
REFUSED = "the past of a setting does not change"


@pytest.mark.req("ST79", "SM-D10")
class TestOneValueAtATime:
    @pytest.mark.parametrize(
        ("since", "until"),
        [(SOON, LATER), ("now()", LATER), ("now()", "NULL"), (f"{SOON} + interval '1 hour'", "NULL")],
    )
    async def test_overlap_is_refused(self, shelf: Shelf, since: str, until: str) -> None:
        await shelf.lasting(1, SOON, LATER)
        with pytest.raises(asyncpg.ExclusionViolationError, match="one_value_at_a_time"):
            await shelf.lasting(2, since, until)

    async def test_neighbours_and_other_scopes_are_not(self, shelf: Shelf) -> None:
        await shelf.lasting(1, SOON, LATER)
        await shelf.lasting(2, "now()", SOON)
        await shelf.lasting(3, LATER)
        await shelf.lasting(1, SOON, LATER, "company:de")

    async def test_cancelled_value_makes_room(self, shelf: Shelf) -> None:
        await shelf.lasting(1, SOON)
        await shelf.shorten(1, "'empty'")
        assert await shelf.lasting(2, SOON) == "INSERT 0 1"

    async def test_two_at_once_are_one(self, shelf: Shelf, database_url: str) -> None:
        async def write(version: int) -> str:
            other = await asyncpg.connect(database_url)
            try:
                return await Shelf(other, shelf.tenant).lasting(version, SOON)
            except (asyncpg.ExclusionViolationError, asyncpg.DeadlockDetectedError):
                return "refused"
            finally:
                await other.close()

        assert sorted(await asyncio.gather(*map(write, range(1, 5)))) == ["INSERT 0 1", *["refused"] * 3]


class TestPast:
    @pytest.mark.parametrize(
        "valid",
        [
            f"tstzrange({SOON}, NULL)",
            f"tstzrange({SOON} - interval '1 hour', {LATER})",
            f"tstzrange({LATER} + interval '1 hour', NULL)",
            f"tstzrange({SOON}, {LATER}, '[]')",
        ],
    )
    async def test_nothing_holds_longer_than_was_said(self, shelf: Shelf, valid: str) -> None:
        await shelf.lasting(1, SOON, LATER)
        with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
            await shelf.shorten(1, valid)

    @pytest.mark.parametrize(
        "valid", [f"tstzrange({SOON} + interval '1 hour', {LATER})", f"tstzrange({SOON}, {LATER}, '()')"]
    )
    async def test_nothing_begins_later_than_was_said(self, shelf: Shelf, valid: str) -> None:
        await shelf.lasting(1, SOON, LATER)
        with pytest.raises(asyncpg.CheckViolationError):
            await shelf.shorten(1, valid)

    async def test_what_has_begun_is_not_cancelled_nor_ended_in_the_past(self, shelf: Shelf) -> None:
        await shelf.lasting(1, "now()")
        for valid in ("'empty'", "tstzrange(since, since)", "tstzrange(since, since + '1 microsecond')"):
            with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
                await shelf.shorten(1, valid)
        assert await shelf.shorten(1, "tstzrange(since, now())") == "UPDATE 1"

    async def test_what_has_ended_stays_as_it_was(self, shelf: Shelf) -> None:
        await shelf.lasting(1, "now()", "clock_timestamp()")
        for valid in ("valid", "tstzrange(since, NULL)", "'empty'"):
            with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
                await shelf.shorten(1, valid)

    async def test_what_was_cancelled_stays_cancelled(self, shelf: Shelf) -> None:
        await shelf.lasting(1, SOON)
        await shelf.shorten(1, "'empty'")
        with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
            await shelf.shorten(1, "tstzrange(since, NULL)")

    async def test_nothing_begins_in_the_past(self, shelf: Shelf) -> None:
        past = "now() - interval '1 microsecond'"
        for valid in (f"tstzrange({past}, NULL)", "'empty'"):
            with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
                await shelf.put(1, past, valid)

    @pytest.mark.parametrize(
        "valid", ["'(,)'", f"tstzrange(NULL, {LATER})", f"tstzrange({LATER}, NULL)", f"tstzrange({SOON}, NULL, '()')"]
    )
    async def test_range_begins_where_the_value_does(self, shelf: Shelf, valid: str) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await shelf.put(1, SOON, valid)

    @pytest.mark.parametrize(
        "column", ["value = '2'", "state = 'unset'", "enforced = true", "narrowing = '{}'", "since = now()",
                   "meant_until = NULL", "written_by = NULL", "written_at = now()", "reason = 'x'", "scope = 'x'"],
    )  # fmt: skip
    async def test_the_application_changes_nothing_but_the_end(self, shelf: Shelf, column: str) -> None:
        await shelf.lasting(1, SOON)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await shelf.run(f"UPDATE setting_entry SET {column}")  # noqa: S608 -- our own names

    async def test_unset_has_no_value_and_set_has_one(self, shelf: Shelf) -> None:
        for state, value in (("unset", "'1'"), ("set", "NULL")):
            row = f"$1, 'dev', 'limit', '', 1, '{state}', {value}, false, {SOON}, 'empty', 'api', 'r'"
            with pytest.raises(asyncpg.CheckViolationError):
                await shelf.run(
                    "INSERT INTO setting_entry (tenant_id, environment, key, scope, version, state, value, enforced, "  # noqa: S608 -- our own values
                    f"since, valid, origin, reason) VALUES ({row})", shelf.tenant,
                )  # fmt: skip


@pytest.mark.req("AU-03")
class TestHistory:
    @pytest.mark.parametrize("table", TABLES)
    async def test_the_application_removes_nothing(self, shelf: Shelf, table: str) -> None:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # noqa: S608 -- our own names
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await shelf.run(statement)

    @pytest.mark.parametrize("table", ["setting_definition_version", "setting_rulebook"])
    async def test_versions_are_appended_only(self, shelf: Shelf, owner: asyncpg.Connection, table: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await shelf.run(f"UPDATE {table} SET version = version")  # noqa: S608 -- our own names
        await owner.execute("RESET ROLE")
        for statement in (f"UPDATE {table} SET version = version", f"DELETE FROM {table}"):  # noqa: S608 -- our own names
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await owner.execute(statement)

    async def test_a_superuser_meets_the_trigger(self, shelf: Shelf, owner: asyncpg.Connection) -> None:
        await shelf.lasting(1, SOON, LATER)
        await owner.execute("RESET ROLE")
        mine = "WHERE tenant_id = $1"
        for statement in ("DELETE FROM setting_entry", "UPDATE setting_entry SET valid = tstzrange(since, NULL)"):
            with pytest.raises(asyncpg.CheckViolationError, match=REFUSED):
                await owner.execute(f"{statement} {mine}", shelf.tenant)


@pytest.mark.req("ST84", "AU-16")
class TestIsolation:
    async def test_covers_every_table(self, line: asyncpg.Connection) -> None:
        guarded = await line.fetch(
            "SELECT relname FROM pg_class JOIN pg_policies ON tablename = relname AND policyname = 'own_tenant' "
            "WHERE relname = ANY ($1) AND relrowsecurity AND relforcerowsecurity", TABLES,
        )  # fmt: skip
        assert {row["relname"] for row in guarded} == set(TABLES)

    async def test_shows_each_row_to_its_tenant_only(self, shelf: Shelf) -> None:
        await shelf.lasting(1, SOON)
        for table in TABLES:
            for tenant, seen in ((shelf.tenant, True), (uuid4(), False)):
                rows = await shelf.run(f"SELECT FROM {table}", by=tenant)
                assert (rows != "SELECT 0") is seen, table
            assert await shelf.line.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 -- our own names

    async def test_lets_another_tenant_change_nothing(self, shelf: Shelf) -> None:
        await shelf.lasting(1, SOON)
        for change in (
            "setting_definition SET version = 9",
            "setting_space SET epoch = 9",
            "setting_entry SET valid = 'empty'",
        ):
            assert await shelf.run(f"UPDATE {change}", by=uuid4()) == "UPDATE 0"

    async def test_takes_no_value_for_another_tenant(self, shelf: Shelf) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await shelf.run(f"{PUT}now(), tstzrange(now(), NULL), 'api', 'r')", shelf.tenant, "", 1, by=uuid4())


class TestTurn:
    async def test_the_second_waits_for_the_first(self, store: PostgresStore, house: House) -> None:
        instants: list[str] = []

        async def turn(name: str) -> None:
            async with store.transaction(house.id) as tx:
                await tx.settings.lock(Environment.DEV)
                instants.append(name)
                await tx.settings.bump(Environment.DEV)
                await asyncio.sleep(0)
                instants.append(name)

        await asyncio.gather(*(turn(name) for name in "abcd"))
        assert instants[::2] == instants[1::2]
        async with store.transaction(house.id) as tx:
            assert await tx.settings.epoch(Environment.DEV) == 4
