import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter
from domain.environments import Environment
from tests.conftest import House

HISTORY = ("audit_event", "flag_version", "rollout_transition", "gate_check")
MEMBERS = ("voter", "behalf", "author", "level", "answer", "digest", "reason", "via")


@dataclass
class Ground:
    """One pending approval of ada's and one rollout, with a line of history in each table, written by raw SQL."""

    line: asyncpg.Connection
    house: House
    change: UUID

    async def run(self, statement: str, *values: Any) -> str:
        async with self.line.transaction():
            await self.line.execute("SELECT set_config('app.tenant_id', $1, true)", str(self.house.id))
            return str(await self.line.execute(statement, *values))

    async def vote(self, **given: Any) -> str:
        ada, bob = self.house.ada.id, self.house.bob.id
        row = {"voter": bob, "behalf": None, "author": ada, "level": 0, "answer": "approve", "digest": "d"}
        row |= {"reason": "", "via": "raw", **given}
        return await self.run(
            f"INSERT INTO approval_vote (tenant_id, approval_id, {', '.join(MEMBERS)}) "  # noqa: S608 -- our own names
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            self.house.id, self.change, *(row[name] for name in MEMBERS),
        )  # fmt: skip


@pytest_asyncio.fixture
async def ground(line: asyncpg.Connection, house: House) -> Ground:
    ground = Ground(line, house, uuid4())
    mine, ada, key = house.id, house.ada.id, f"f-{secrets.token_hex(4)}"
    await ground.run(
        "INSERT INTO change_set (tenant_id, change_id, author, content, digest, reason, status) "
        "VALUES ($1, $2, $3, '{}', 'd', 'r', 'SUBMITTED')", mine, ground.change, ada,
    )  # fmt: skip
    await ground.run(
        "INSERT INTO approval (tenant_id, approval_id, environment, digest, authors, policy, standing, opened_at, "
        "level_opened_at) VALUES ($1, $2, 'dev', 'd', $3, '{}', 'PENDING', now(), now())",
        mine, ground.change, [ada, house.dee.id],
    )  # fmt: skip
    await ground.run(
        "INSERT INTO rollout (tenant_id, rollout_id, environment, key, digest, requester, plan, state, terminal, "
        "base_version, live_version) VALUES ($1, $2, 'dev', $3, 'd', $4, '{}', 'RUNNING', false, 1, 1)",
        mine, ground.change, key, ada,
    )  # fmt: skip
    await ground.run(
        "INSERT INTO rollout_transition (tenant_id, rollout_id, seq, step, to_state, cause, percent) "
        "VALUES ($1, $2, 1, 's', 'RUNNING', 'c', 0)", mine, ground.change,
    )  # fmt: skip
    await ground.run(
        "INSERT INTO gate_check (tenant_id, rollout_id, number, stage, verdict, sentence, record, state) "
        "VALUES ($1, $2, 1, 0, 'pass', 's', '{}', '{}')", mine, ground.change,
    )  # fmt: skip
    await ground.run("INSERT INTO flag VALUES ($1, 'dev', $2, 1, '{}', 'api')", mine, key)
    await ground.run("INSERT INTO flag_version VALUES ($1, 'dev', $2, 1, '{}', 'api')", mine, key)
    return ground


@pytest.mark.req("AU-03")
class TestHistory:
    @pytest.mark.req("CB-D15")
    @pytest.mark.parametrize("table", HISTORY)
    async def test_the_application_cannot_rewrite_it(self, ground: Ground, table: str) -> None:
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608 -- our own names
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await ground.run(statement)

    async def test_not_even_its_owner_can(self, ground: Ground, owner: asyncpg.Connection) -> None:
        await owner.execute("SET ROLE changegate_owner")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute("TRUNCATE audit_event")
        # The owner sees no row through the forced policies; whoever ignores them meets the trigger.
        assert await owner.fetchval("SELECT count(*) FROM audit_event") == 0
        await owner.execute("RESET ROLE")
        for statement in ("UPDATE audit_event SET actor = NULL", "DELETE FROM audit_event", "TRUNCATE audit_event"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await owner.execute(statement)

    @pytest.mark.parametrize("table", HISTORY)
    async def test_a_superuser_meets_the_trigger(self, ground: Ground, owner: asyncpg.Connection, table: str) -> None:
        await owner.execute("RESET ROLE")
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):  # noqa: S608 -- our own names
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await owner.execute(statement)

    async def test_the_database_checks_the_leaf(self, ground: Ground) -> None:
        insert = (
            "INSERT INTO audit_event (event_id, tenant_id, occurred_at, actor_type, action, resource_type, resource, "
            "outcome, canon, leaf) VALUES (gen_random_uuid(), $1, now(), 'system', 'a:b:c', 't', 'r', 'success', $2, "
        )
        canon = b'{"a":1}'
        assert await ground.run(insert + "sha256('\\x00'::bytea || $2::bytea))", ground.house.id, canon) == "INSERT 0 1"
        for forged in ("sha256($2::bytea))", "'\\x00'::bytea)"):
            with pytest.raises(asyncpg.CheckViolationError, match="leaf_binds_canon"):
                await ground.run(insert + forged, ground.house.id, canon)

    async def test_stored_events_verify(self, ground: Ground, store: PostgresStore) -> None:
        async with store.transaction(ground.house.id) as tx:
            assert len(await tx.audit.page(AuditFilter(), None, 100)) > 0


@pytest.mark.req("S3", "S4", "S5", "S18")
class TestFourEyes:
    async def test_an_approver_may_vote(self, ground: Ground) -> None:
        assert await ground.vote() == "INSERT 0 1"

    @pytest.mark.parametrize("author", ["ada", "dee"])
    async def test_neither_author_nor_contributor_votes(self, ground: Ground, author: str) -> None:
        person = getattr(ground.house, author).id
        other = ground.house.ada.id if author == "dee" else ground.house.dee.id
        with pytest.raises(asyncpg.CheckViolationError, match="author"):
            await ground.vote(voter=person, author=other)
        with pytest.raises(asyncpg.CheckViolationError, match="author"):
            await ground.vote(behalf=person, author=other)

    async def test_lying_about_the_author_does_not_help(self, ground: Ground) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="author"):
            await ground.vote(voter=ground.house.ada.id, author=ground.house.cyd.id)

    async def test_a_closed_request_takes_no_vote(self, ground: Ground) -> None:
        await ground.run("UPDATE approval SET standing = 'APPROVED' WHERE approval_id = $1", ground.change)
        with pytest.raises(asyncpg.CheckViolationError, match="closed"):
            await ground.vote()

    async def test_a_vote_is_for_the_content_that_was_seen(self, ground: Ground) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="other content"):
            await ground.vote(digest="e")

    async def test_a_person_votes_once(self, ground: Ground) -> None:
        await ground.vote()
        for again in ({}, {"level": 1}, {"voter": ground.house.cyd.id, "behalf": ground.house.bob.id}):
            with pytest.raises(asyncpg.UniqueViolationError):
                await ground.vote(**again)

    async def test_a_lent_vote_is_spent_for_both(self, ground: Ground) -> None:
        bob, cyd = ground.house.bob.id, ground.house.cyd.id
        await ground.vote(behalf=cyd)
        for voter in (bob, cyd):
            with pytest.raises(asyncpg.UniqueViolationError):
                await ground.vote(voter=voter)

    async def test_what_was_voted_cannot_be_edited(self, ground: Ground) -> None:
        await ground.vote()
        for change in ("answer = 'reject'", "voter = behalf", "digest = 'e'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ground.run(f"UPDATE approval_vote SET {change}")  # noqa: S608 -- our own names

    @pytest.mark.req("S7")
    async def test_two_votes_of_one_person_at_once_are_one(self, ground: Ground, database_url: str) -> None:
        async def vote() -> str:
            other = await asyncpg.connect(database_url)
            try:
                return await Ground(other, ground.house, ground.change).vote()
            except asyncpg.UniqueViolationError:
                return "refused"
            finally:
                await other.close()

        assert sorted(await asyncio.gather(*(vote() for _ in range(4)))) == ["INSERT 0 1", *["refused"] * 3]


@pytest.mark.req("I7")
class TestTerminal:
    async def test_a_terminal_rollout_does_not_change(self, ground: Ground) -> None:
        await ground.run("UPDATE rollout SET state = 'ROLLED_BACK', terminal = true")
        for statement in ("state = 'RUNNING', terminal = false", "terminal = false", "state = 'SUCCEEDED'"):
            with pytest.raises(asyncpg.CheckViolationError, match="terminal"):
                await ground.run(f"UPDATE rollout SET {statement}")  # noqa: S608 -- our own names

    async def test_what_was_approved_cannot_be_edited(self, ground: Ground) -> None:
        for statement in (
            "UPDATE change_set SET content = '{}'",
            "UPDATE change_set SET digest = 'e'",
            "UPDATE change_set SET author = $1",
            "UPDATE approval SET authors = '{}'",
            "UPDATE approval SET digest = 'e'",
            "UPDATE approval SET policy = '{}'",
            "DELETE FROM approval_vote",
            "DELETE FROM rollout",
        ):
            values = (ground.house.bob.id,) if "$1" in statement else ()
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ground.run(statement, *values)


async def test_environments_are_a_closed_list(line: asyncpg.Connection) -> None:
    assert await line.fetchval("SELECT enum_range(NULL::environment)::text[]") == [e.value for e in Environment]
