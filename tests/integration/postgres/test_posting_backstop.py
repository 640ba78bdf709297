"""A registered journal asks the guard itself, whoever writes to it and however."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from tests.contract.books import Kept, kept
from tests.contract.homes import moved_in
from tests.integration.postgres.posting import Line, assert_postable, close, granted, refused

COLUMNS = {
    "tenant": "tenant", "entity": "entity", "date": "booked_on", "operation": "kind", "posted": "posted",
    "period_id": "period_id", "epoch": "epoch", "period": "adjusting",
}  # fmt: skip
JOURNAL = """
CREATE SCHEMA {name};
CREATE TABLE {name}.entry (
  id int PRIMARY KEY, tenant uuid, entity text, booked_on date, kind text, posted boolean, amount numeric,
  period_id uuid, epoch bigint, adjusting int);
CREATE FUNCTION {name}.control(uuid, text, uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{{}}'::jsonb $$;
CREATE FUNCTION {name}.unposted(uuid, text, uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
CREATE FUNCTION {name}.balances(uuid, text, uuid)
  RETURNS TABLE (account text, kind text, currency text, balance numeric)
  LANGUAGE sql AS $$ SELECT 'a', 'b', 'c', 1.0 WHERE false $$;
GRANT USAGE ON SCHEMA {name} TO changegate_app;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {name}.entry TO changegate_app;
"""
INSERT = (
    "INSERT INTO entry (id, tenant, entity, booked_on, kind, posted, amount, adjusting) "
    "VALUES ($1, $2, 'de', $3, $4, $5, 1, $6)"
)
MARCH, APRIL = date(2024, 3, 15), date(2024, 4, 15)


@dataclass
class Journal:
    """Entries of one entity, written in raw SQL by somebody of ours."""

    line: Line
    name: str
    books: Kept

    @property
    def table(self) -> str:
        return f"{self.name}.entry"

    async def run(self, statement: str, *values: Any, by: UUID | str | None = None, token: UUID | None = None) -> str:
        async with self.line.transaction():
            await self.act(self.books.people["viv"].id if by is None else by, token)
            return await self.line.execute(statement.replace("entry", self.table), *values)

    async def act(self, by: UUID | str, token: UUID | None = None) -> None:
        await self.line.execute(
            "SELECT set_config('fiscal.actor', $1, true), set_config('fiscal.run_token', $2, true)",
            str(by),
            str(token or ""),
        )

    async def add(self, id_: int, day: date = MARCH, *, kind: str = "transaction", posted: bool | None = True,
                  adjusting: int | None = None, **given: Any) -> None:  # fmt: skip
        await self.run(INSERT, id_, self.books.home.tenant.id, day, kind, posted, adjusting, **given)

    async def insert(self, id_: int, day: date) -> None:
        """Within a transaction of the caller's."""
        values = (id_, self.books.home.tenant.id, day, "transaction", True, None)
        await self.line.execute(INSERT.replace("entry", self.table), *values)

    async def rows(self) -> list[tuple[Any, ...]]:
        found = await self.line.fetch(f"SELECT id, booked_on, posted, period_id, epoch FROM {self.table} ORDER BY id")  # noqa: S608 -- ours
        return [tuple(row) for row in found]


async def register(line: Line, name: str, *, module: str | None = None, columns: dict[str, str] = COLUMNS,
                   **functions: str) -> None:  # fmt: skip
    named = {each: f"{name}.{each}" for each in ("control", "unposted", "balances")} | functions
    await line.execute(
        "SELECT fiscal.register_journal_v1($1, 'AP', $2::text::regclass, $3, $4)",
        module or name, f"{name}.entry", orjson.dumps(columns).decode(), orjson.dumps(named).decode(),
    )  # fmt: skip


@pytest_asyncio.fixture
async def journal(line: Line, superuser: Line, store: PostgresStore) -> AsyncIterator[Journal]:
    """March and April are open to all in AP."""
    books = await kept(await moved_in(store))
    await books.put("all", books.key(3), books.key(4))
    name = f"journal_{secrets.token_hex(4)}"
    await superuser.execute(JOURNAL.format(name=name))
    await register(superuser, name)
    yield Journal(line, name, books)
    await superuser.execute("DELETE FROM fiscal.journal WHERE module = $1", name)
    await superuser.execute(f"DROP SCHEMA {name} CASCADE")


class TestEntries:
    async def test_keep_the_period_and_the_epoch_they_were_let_in_by(self, journal: Journal) -> None:
        await journal.add(1)
        await journal.run(
            "INSERT INTO entry SELECT 2, tenant, entity, '2024-04-01', kind, true, 5, NULL, 99 FROM entry"
        )
        march, april = journal.books.period(3), journal.books.period(4)
        assert await journal.rows() == [(1, MARCH, True, march, 1), (2, date(2024, 4, 1), True, april, 1)]

    @pytest.mark.req("FP40")
    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM entry WHERE id = 1",
            "UPDATE entry SET posted = false WHERE id = 1",
            "UPDATE entry SET posted = NULL WHERE id = 1",
            "UPDATE entry SET amount = 2 WHERE id = 1",
            "UPDATE entry SET booked_on = '2024-04-15' WHERE id = 1",
            "UPDATE entry SET booked_on = '2024-03-15' WHERE id = 2",
            "UPDATE entry SET tenant = NULL, entity = 'at' WHERE id = 1",
            "UPDATE entry SET kind = 'reporting' WHERE id = 1",
            "INSERT INTO entry SELECT 3, tenant, entity, booked_on, kind, true, -amount FROM entry WHERE id = 1",
            "INSERT INTO entry SELECT 3, tenant, entity, booked_on, kind, NULL, -amount FROM entry WHERE id = 1",
            "INSERT INTO entry SELECT * FROM entry ON CONFLICT (id) DO UPDATE SET amount = 3",
            "MERGE INTO entry t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE",
        ],
        ids=["delete", "cancel", "half cancel", "change", "move out", "back-date", "give away", "rename", "reverse",
             "unsaid", "upsert", "merge"],
    )  # fmt: skip
    async def test_of_a_closed_period_stay_as_they_are(self, journal: Journal, line: Line, statement: str) -> None:
        await journal.add(1)
        await journal.add(2, APRIL)
        before = await journal.rows()
        await close(line, journal.books, journal.books.key())
        with refused("FP001"):
            await journal.run(statement)
        assert await journal.rows() == before

    @pytest.mark.req("FP40")
    async def test_are_not_emptied_out(self, journal: Journal, superuser: Line) -> None:
        await journal.add(1)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is not emptied"):
            await journal.run("TRUNCATE entry")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is not emptied"):
            await superuser.execute(f"TRUNCATE {journal.table}")

    @pytest.mark.req("FP40")
    async def test_are_kept_from_the_owner_of_the_database_too(
        self, journal: Journal, line: Line, superuser: Line
    ) -> None:
        await journal.add(1)
        await close(line, journal.books, journal.books.key())
        with refused("FP001"):
            await Journal(superuser, journal.name, journal.books).run("DELETE FROM entry")

    async def test_say_who_posts_them(self, journal: Journal) -> None:
        with refused("FP014") as raised:
            await journal.add(1, by="")
        assert orjson.loads(raised.value.detail or "") == {"missing": ["actor"]}

    async def test_are_no_reports_and_no_closing_entries(self, journal: Journal) -> None:
        for kind, state in (("reporting", "FP011"), ("closing", "FP007"), ("", "FP011")):
            with refused(state):
                await journal.add(1, kind=kind)
        assert await journal.rows() == []

    async def test_of_a_close_come_with_its_token(self, journal: Journal) -> None:
        tenant = journal.books.home.tenant.id
        async with journal.books.home.transaction() as tx:
            await tx.periods.hold([journal.books.key()])
            token = await tx.periods.put_token(uuid4(), [journal.books.key()])
            connection = await (await tx._session.connection()).get_raw_connection()
            own = Journal(connection.driver_connection, journal.name, journal.books)
            await own.act(journal.books.people["adm"].id, token)
            await own.line.execute(
                f"INSERT INTO {own.table} (id, tenant, entity, booked_on, kind, posted) "  # noqa: S608 -- ours
                "VALUES (1, $1, 'de', '2024-03-31', 'closing', true)", tenant,
            )  # fmt: skip
            await tx.periods.drop_token(token)
        with refused("FP007"):
            await journal.add(2, kind="closing", token=token)
        assert [row[0] for row in await journal.rows()] == [1]

    async def test_of_an_adjusting_period_go_by_its_number(self, journal: Journal) -> None:
        await journal.books.put("all", journal.books.key(13))
        await journal.add(1, date(2024, 12, 31), kind="adjustment", adjusting=13)
        assert (await journal.rows())[0][3] == journal.books.period(13)
        with refused("FP003"):
            await journal.add(2, date(2024, 12, 31), kind="adjustment")


@pytest.mark.req("FP41")
class TestDrafts:
    async def test_are_free_and_may_be_redated(self, journal: Journal, line: Line) -> None:
        await close(line, journal.books, journal.books.key())
        await journal.add(1, posted=False)
        await journal.run("UPDATE entry SET amount = 7, period_id = gen_random_uuid(), epoch = 9 WHERE id = 1")
        assert await journal.rows() == [(1, MARCH, False, None, None)]
        with refused("FP001"):
            await journal.run("UPDATE entry SET posted = true WHERE id = 1")
        await journal.run("UPDATE entry SET booked_on = '2024-04-15' WHERE id = 1")
        await journal.run("UPDATE entry SET posted = true WHERE id = 1")
        assert await journal.rows() == [(1, APRIL, True, journal.books.period(4), 1)]

    async def test_may_be_deleted(self, journal: Journal, line: Line) -> None:
        await journal.add(1, posted=False)
        await close(line, journal.books, journal.books.key())
        await journal.run("DELETE FROM entry")
        assert await journal.rows() == []


class TestExceptions:
    async def test_are_used_once_by_a_transaction_of_many_rows(self, journal: Journal, line: Line) -> None:
        await close(line, journal.books, journal.books.key())
        await granted(journal.books, most_entries=1)
        await journal.run(
            "INSERT INTO entry SELECT n, $1, 'de', '2024-03-15', 'transaction', true FROM generate_series(1, 9) AS n",
            journal.books.home.tenant.id,
        )
        with refused("FP001"):
            await journal.add(10)
        assert len(await journal.rows()) == 9

    async def test_count_the_call_and_not_its_rows_again(self, journal: Journal, line: Line) -> None:
        books = journal.books
        await close(line, books, books.key())
        exception = await granted(books, most_entries=2)
        async with line.transaction():
            await journal.act(books.people["viv"].id)
            for id_ in (1, 2):
                await assert_postable(line, books)
                await journal.insert(id_, MARCH)
        with refused("FP001"):
            await assert_postable(line, books)
        async with books.home.transaction() as tx:
            assert [use.exception for use in await tx.periods.uses(books.key())] == [exception.id] * 2

    async def test_of_one_person_let_nobody_else_in_by_the_same_transaction(self, journal: Journal, line: Line) -> None:
        books = journal.books
        await close(line, books, books.key())
        await granted(books)
        with refused("FP001"):
            async with line.transaction():
                await journal.act(books.people["viv"].id)
                await journal.insert(1, MARCH)
                await journal.act(books.people["adm"].id)
                await journal.insert(2, MARCH)
        assert await journal.rows() == []


class TestRegistration:
    async def test_names_what_is_missing(self, journal: Journal, superuser: Line) -> None:
        for columns, missing in (
            ({**COLUMNS, "epoch": "amount"}, "epoch"),
            ({name: column for name, column in COLUMNS.items() if name not in ("tenant", "date")}, "date, tenant"),
        ):
            with pytest.raises(asyncpg.InvalidParameterValueError, match=f"another type: {missing}$"):
                await register(superuser, journal.name, columns=columns)
        with pytest.raises(asyncpg.InvalidParameterValueError, match=r"may not call: close_year, control$"):
            await register(superuser, journal.name, control="pg_catalog.nothing", close_year="x.y")

    async def test_is_for_the_owner_of_the_journal_who_may_register(self, journal: Journal, superuser: Line) -> None:
        role = f"{journal.name}_owner"
        await superuser.execute(
            f"CREATE ROLE {role} NOLOGIN; ALTER TABLE {journal.table} OWNER TO {role};"
            f"GRANT USAGE ON SCHEMA {journal.name} TO {role}; SET ROLE {role}"
        )
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await register(superuser, journal.name)
            await superuser.execute(f"RESET ROLE; GRANT changegate_module TO {role}; SET ROLE {role}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="module of somebody else"):
                await register(superuser, journal.name)
            await register(superuser, journal.name, module=role)
        finally:
            await superuser.execute("RESET ROLE")
            await superuser.execute("DELETE FROM fiscal.journal WHERE module = $1", role)
            await superuser.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


async def test_what_sees_every_tenant_is_the_guards_and_closed_to_the_public(line: Line) -> None:
    rows = await line.fetch(
        "SELECT p.proname, pg_get_userbyid(p.proowner) AS owner, p.prosecdef, "
        "       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a "
        "                WHERE a.grantee = 0) AS public, "
        "       p.proconfig @> '{\"search_path=fiscal, public, pg_temp\"}' AS fixed "
        "FROM pg_proc p WHERE p.pronamespace = 'fiscal'::regnamespace"
    )
    assert [row["proname"] for row in rows if row["public"]] == []
    seeing = {row["proname"]: (row["owner"], row["fixed"]) for row in rows if row["prosecdef"]}
    assert set(seeing.values()) == {("changegate_guard", True)}
    assert seeing.keys() >= {"assert_postable_v1", "backstop", "keep_gate_history", "period_v1", "late_entry_v1"}
