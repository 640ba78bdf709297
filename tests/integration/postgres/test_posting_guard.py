"""The guard as posters of any isolation meet it, in raw SQL."""

import asyncio
import secrets
from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio

from adapters.postgres.errors import Contended
from adapters.postgres.store import PostgresStore
from tests.contract.books import Kept, kept
from tests.contract.homes import moved_in
from tests.integration.postgres.posting import Line, Lines, assert_postable, bind, close, granted, hold, refused

ISOLATIONS = ["read_committed", "repeatable_read", "serializable"]
SNAPSHOTS = ISOLATIONS[1:]
PAST_BY_HAND = (
    "INSERT INTO period_gate_history (tenant_id, entity, period_id, scope, status, posting, epoch, changed_at, reason) "
    "SELECT tenant_id, entity, period_id, scope, 'open', 'all', 9, now(), 'x' FROM period_gate"
)
BY_HAND = (
    "INSERT INTO posting_exception_use (tenant_id, exception_id, actor, operation, epoch) "
    "SELECT tenant_id, exception_id, granted_by, 'transaction', 1 FROM posting_exception"
)


@pytest_asyncio.fixture
async def books(store: PostgresStore) -> Kept:
    """March is open to all in AP."""
    books = await kept(await moved_in(store))
    await books.put("all", books.key())
    return books


@pytest.fixture
def lines(database_url: str) -> Lines:
    return Lines(database_url)


class TestWhatIsAsked:
    @pytest.mark.req("FP31", "SM-D11")
    @pytest.mark.parametrize("missing", ["tenant", "entity", "scope", "operation", "day", "actor"])
    async def test_with_a_gap_is_refused(self, line: Line, books: Kept, missing: str) -> None:
        with refused("FP014") as raised:
            await assert_postable(line, books, **{missing: None})
        named = "date" if missing == "day" else missing
        assert orjson.loads(raised.value.detail or "") == {"missing": [named]}

    @pytest.mark.req("FP31")
    @pytest.mark.parametrize("operation", ["", " ", "post", "TRANSACTION"])
    async def test_of_an_unknown_operation_is_refused(self, line: Line, books: Kept, operation: str) -> None:
        with refused("FP011"):
            await assert_postable(line, books, operation=operation)

    @pytest.mark.req("FP31")
    async def test_on_a_day_of_no_period_is_refused(self, line: Line, books: Kept) -> None:
        for day in (date(2025, 1, 1), date(1900, 1, 1), date.max):
            for operation in ("transaction", "reporting"):
                with refused("FP008"):
                    await assert_postable(line, books, day=day, operation=operation)

    @pytest.mark.req("FP43")
    async def test_for_another_tenant_than_the_bound_one_is_refused(self, line: Line, books: Kept) -> None:
        for operation in ("transaction", "reporting"):
            async with line.transaction():
                await bind(line, uuid4())
                with refused("FP012"):
                    async with line.transaction():
                        await assert_postable(line, books, operation=operation)
        async with line.transaction():
            await bind(line, books.home.tenant.id)
            assert (await assert_postable(line, books))["period_id"] == books.period(3)

    async def test_is_answered_with_the_period_and_its_epoch(self, line: Line, books: Kept) -> None:
        assert dict(await assert_postable(line, books)) == {"period_id": books.period(3), "epoch": 1}
        assert dict(await assert_postable(line, books, operation="reporting", day=date(2024, 4, 1))) == {
            "period_id": books.period(4),
            "epoch": 0,
        }

    @pytest.mark.req("FP34")
    async def test_is_refused_in_the_words_that_people_read(self, line: Line, books: Kept) -> None:
        await close(line, books, books.key())
        with refused("FP001") as raised:
            await assert_postable(line, books)
        name = books.called(3).name
        assert raised.value.args == (f"Period '{name}' is closed and cannot be modified.",)
        assert orjson.loads(raised.value.detail or "") == {
            "entity": "de",
            "scope": "AP",
            "period": {"year": "2024", "number": 3, "name": name},
            "gate": "closed",
            "posting": "none",
            "epoch": 2,
        }


@pytest.mark.req("FP38")
class TestPosters:
    @pytest.mark.parametrize("isolation", ISOLATIONS)
    async def test_are_waited_for_by_a_close(self, line: Line, lines: Lines, books: Kept, isolation: Any) -> None:
        async with lines.another() as closer:
            async with line.transaction(isolation=isolation):
                assert (await assert_postable(line, books))["epoch"] == 1
                closing = asyncio.ensure_future(close(closer, books, books.key()))
                await lines.until_it_waits(closer)
                assert (await assert_postable(line, books))["epoch"] == 1
                assert not closing.done()
            await closing
        with refused("FP001"):
            await assert_postable(line, books)

    async def test_who_come_while_a_close_is_under_way_are_refused_when_it_ends(
        self, line: Line, lines: Lines, books: Kept
    ) -> None:
        async with lines.another() as closer:
            async with closer.transaction():
                await bind(closer, books.home.tenant.id)
                await hold(closer, books.home.tenant.id, books.key())
                posting = asyncio.ensure_future(assert_postable(line, books))
                await lines.until_it_waits(line)
                await closer.execute("UPDATE period_gate SET status = 'closed', posting = 'none', epoch = 2")
            with refused("FP001"):
                await posting

    @pytest.mark.parametrize("isolation", SNAPSHOTS)
    async def test_with_a_snapshot_of_before_the_close_must_begin_anew(
        self, line: Line, lines: Lines, books: Kept, isolation: Any
    ) -> None:
        transaction = line.transaction(isolation=isolation)
        await transaction.start()
        await line.fetchval("SELECT 1 FROM fiscal.journal LIMIT 1")
        async with lines.another() as closer:
            await close(closer, books, books.key())
        with pytest.raises(asyncpg.SerializationError):
            await assert_postable(line, books)
        await transaction.rollback()

    @pytest.mark.parametrize("isolation", SNAPSHOTS)
    async def test_with_a_snapshot_of_before_the_opening_see_it_pending(
        self, line: Line, books: Kept, isolation: Any
    ) -> None:
        transaction = line.transaction(isolation=isolation)
        await transaction.start()
        await line.fetchval("SELECT 1 FROM fiscal.journal LIMIT 1")
        await books.put("all", books.key(4))
        with refused("FP003"):
            await assert_postable(line, books, day=date(2024, 4, 1))
        await transaction.rollback()


class TestPosterLogin:
    async def test_needs_to_be_a_poster_and_nothing_else(self, superuser: Line, books: Kept) -> None:
        role = f"poster_{secrets.token_hex(4)}"
        await superuser.execute(f"CREATE ROLE {role} NOLOGIN")
        try:
            await superuser.execute(f"SET ROLE {role}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await assert_postable(superuser, books)
            await superuser.execute(f"RESET ROLE; GRANT changegate_poster TO {role}; SET ROLE {role}")
            assert (await assert_postable(superuser, books))["epoch"] == 1
            for statement in (
                "SELECT * FROM period_gate",
                "SELECT * FROM fiscal.journal",
                "SELECT fiscal.hold_gates_v1(gen_random_uuid(), '{}', '{}', '{}')",
                "SELECT fiscal.excepted(NULL, 'transaction', NULL, true)",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await superuser.execute(statement)
        finally:
            await superuser.execute(f"RESET ROLE; DROP ROLE {role}")


class TestClosers:
    async def test_in_the_way_of_a_poster_who_is_in_theirs_may_try_again(
        self, line: Line, lines: Lines, books: Kept
    ) -> None:
        """It holds the general ledger and asks for payables; the closer holds payables and asks for the ledger."""
        await books.put("all", books.key(3, "GL"))
        async with lines.another() as poster:
            transaction = poster.transaction()
            await transaction.start()
            await assert_postable(poster, books, scope="GL")
            closing = asyncio.ensure_future(hold_both(books))
            await lines.until_somebody_waits_for(poster)
            answers = await asyncio.gather(closing, assert_postable(poster, books), return_exceptions=True)
            await transaction.rollback()
        refusals = [type(each) for each in answers if isinstance(each, BaseException)]
        assert refusals in ([Contended], [asyncpg.DeadlockDetectedError])

    @pytest.mark.req("FP37")
    @pytest.mark.parametrize("isolation", SNAPSHOTS)
    async def test_with_a_snapshot_are_refused(self, line: Line, books: Kept, isolation: Any) -> None:
        with refused("FP020"):
            await close(line, books, books.key(), isolation=isolation)
        with refused("FP020"):
            async with line.transaction(isolation=isolation):
                await bind(line, books.home.tenant.id)
                await line.execute("UPDATE period_gate SET status = 'closed', posting = 'none', epoch = 2")

    @pytest.mark.parametrize(
        "lock",
        [
            "SELECT 1",
            "SELECT pg_advisory_xact_lock_shared(fiscal.gate_lock(tenant_id, 'de', period_id, 'AP')) FROM period_gate",
            "SELECT pg_advisory_xact_lock(fiscal.gate_lock(tenant_id, 'de', period_id, 'GL')) FROM period_gate",
        ],
        ids=["none", "shared", "of another gate"],
    )
    async def test_who_do_not_hold_the_gate_are_refused(self, line: Line, books: Kept, lock: str) -> None:
        with refused("FP021"):
            async with line.transaction():
                await bind(line, books.home.tenant.id)
                await line.execute(lock)
                await line.execute("UPDATE period_gate SET status = 'closed', posting = 'none', epoch = 2")

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("UPDATE period_gate SET status = 'closed', posting = 'none', epoch = 3", "epochs_follow"),
            ("UPDATE period_gate SET status = 'closed', posting = 'none'", "epochs_follow"),
            ("UPDATE period_gate SET status = 'pending', posting = 'none', epoch = 2", "locked_is_final"),
            ("UPDATE period_gate SET status = 'closed', epoch = 2", "only_an_open_gate_lets_in"),
            ("UPDATE period_gate SET status = '', posting = 'none', epoch = 2", "period_gate_status_check"),
            ("UPDATE period_gate SET posting = 'ajar', epoch = 2", "period_gate_posting_check"),
        ],
    )
    @pytest.mark.req("FP31")
    async def test_move_a_gate_only_as_gates_go(self, line: Line, books: Kept, statement: str, constraint: str) -> None:
        with refused("23514") as raised:
            await held(line, books, statement)
        assert raised.value.constraint_name == constraint

    @pytest.mark.req("FP32")
    async def test_never_leave_locked(self, line: Line, books: Kept) -> None:
        await books.put("locked", books.key(4))
        with refused("23514") as raised:
            await held(line, books, "UPDATE period_gate SET status = 'closed', epoch = epoch + 1", number=4)
        assert raised.value.constraint_name == "locked_is_final"

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM period_gate",
            "TRUNCATE period_gate CASCADE",
            "DELETE FROM period_gate_history",
            "UPDATE period_gate_history SET reason = 'x'",
            PAST_BY_HAND,
            "UPDATE posting_exception SET used = 0",
            "UPDATE posting_exception SET valid = 'empty'",
            "DELETE FROM posting_exception_use",
            BY_HAND,
        ],
    )
    async def test_leave_what_was_as_it_was(self, line: Line, books: Kept, statement: str) -> None:
        await granted(books)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held(line, books, statement)


async def hold_both(books: Kept) -> None:
    async with books.home.transaction() as tx:
        await tx.periods.hold([books.key(3, "AP"), books.key(3, "GL")])


async def held(line: Line, books: Kept, statement: str, *, number: int = 3) -> None:
    async with line.transaction():
        await bind(line, books.home.tenant.id)
        await hold(line, books.home.tenant.id, books.key(number))
        await line.execute(f"{statement} WHERE period_id = '{books.period(number)}'" if number != 3 else statement)
