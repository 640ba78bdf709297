"""The client's bus sends in the caller's transaction what the product would have sent, with the same event."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from changegate import Conflict, Invalid, NotAllowed, NotFound
from changegate.bus import (
    Command,
    Sent,
    fingerprint,
    send,
    send_async,
    send_many_async,
)
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from domain.canonical import canonical_bytes
from domain.commands import Command as Known
from domain.commands import CommandState, CommandType, Options
from domain.commands import fingerprint as known_fingerprint
from domain.people import GRANTS, Permission
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import POST, catalogued
from tests.integration.postgres.sending import JOURNAL, as_of, by_session, events, found, module_login

PAYS = Command("payables.pay", "42", {}, entity="de", effective_date=date(2026, 3, 31))
EAST = timezone(timedelta(hours=5))
WHOLE = Command(
    POST, "43", {"entry": 7}, 1, datetime(2030, 1, 1, 5, tzinfo=EAST), datetime(2030, 1, 2, tzinfo=UTC), 9, "acc 1", 4,
    uuid4(), "sales/1",
)  # fmt: skip
Way = Callable[[AsyncEngine, Home, Command], Awaitable[Sent]]


@pytest_asyncio.fixture(scope="module")
async def module(stack: Any, database_url: str) -> AsyncIterator[AsyncEngine]:
    """That of a module with a table of its own."""
    owner = stack.endpoints.database_superuser_url
    table = (
        "CREATE SCHEMA IF NOT EXISTS orders AUTHORIZATION sending_module",
        "CREATE TABLE IF NOT EXISTS orders.placed (n int)",
        "ALTER TABLE orders.placed OWNER TO sending_module",
    )
    async with module_login(owner, "sending_module", *table) as engine:
        yield engine


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


async def by_connection(engine: AsyncEngine, home: Home, command: Command) -> Sent:
    async with engine.begin() as connection:
        return await send_async(connection, command, **as_of(home))


async def by_plain_session(engine: AsyncEngine, home: Home, command: Command) -> Sent:
    def ask(session: Session) -> Sent:
        return send(session, command, **as_of(home))

    async with AsyncSession(engine) as session, session.begin():
        return await session.run_sync(ask)


async def by_plain_connection(engine: AsyncEngine, home: Home, command: Command) -> Sent:
    def ask(connection: Connection) -> Sent:
        return send(connection, command, **as_of(home))

    async with engine.begin() as connection:
        return await connection.run_sync(ask)


@pytest.mark.req("CB-01", "CB-03")
@pytest.mark.parametrize("way", [by_session, by_connection, by_plain_session, by_plain_connection])
async def test_each_way_sends_once(module: AsyncEngine, home: Home, way: Way) -> None:
    first = await way(module, home, JOURNAL)
    assert (first.replayed, first.state, first.attempt) == (False, "pending", 0)
    assert await way(module, home, JOURNAL) == replace(first, replayed=True)
    (record,) = await found(home)
    assert (record.state, record.sender, record.command.options.correlation) == (
        CommandState.PENDING, home.ada.id, first.correlation,
    )  # fmt: skip
    assert len(await events(home)) == 1


class TestTransactions:
    @pytest.mark.req("CB-01")
    async def test_show_a_command_when_they_commit(self, module: AsyncEngine, home: Home) -> None:
        async with module.begin() as connection:
            await connection.execute(text("INSERT INTO orders.placed VALUES (1)"))
            await send_async(connection, JOURNAL, **as_of(home))
            assert await found(home) == []
        assert [each.key for each in await found(home)] == [("ledger", "42")]

    @pytest.mark.req("CB-02")
    async def test_leave_nothing_when_they_are_rolled_back(self, module: AsyncEngine, home: Home) -> None:
        async with module.connect() as connection:
            await send_async(connection, JOURNAL, **as_of(home))
            await connection.rollback()
        assert (await found(home), await events(home)) == ([], [])

    @pytest.mark.req("CB-05")
    async def test_go_on_after_a_conflict(self, module: AsyncEngine, home: Home) -> None:
        await by_session(module, home, JOURNAL)
        other = replace(JOURNAL, payload={"entry": 8}, priority=1)
        async with module.begin() as connection:
            with pytest.raises(Conflict) as refused:
                await send_many_async(connection, [WHOLE, other], **as_of(home))
            await send_async(connection, replace(JOURNAL, id="44"), **as_of(home))
        assert (refused.value.kind, refused.value.facts) == ("command-conflict", {
            "command": "ledger/42", "at": "/commands/1", "differs": ["payload", "priority"], "state": "pending",
        })  # fmt: skip
        assert {each.command.id for each in await found(home)} == {"42", "44"}
        assert await events(home, "43") == []

    @pytest.mark.req("CB-05")
    async def test_take_one_twice_at_once_as_one(self, module: AsyncEngine, home: Home) -> None:
        async with module.begin() as connection:
            sent = await send_many_async(connection, [JOURNAL, WHOLE, JOURNAL], **as_of(home))
            assert [each.replayed for each in sent] == [False, False, True]
            with pytest.raises(Conflict):
                await send_many_async(
                    connection, [replace(JOURNAL, id="45"), replace(JOURNAL, id="45", priority=1)], **as_of(home)
                )
        assert {each.command.id for each in await found(home)} == {"42", "43"}


class TestSameness:
    @pytest.mark.req("CB-04")
    async def test_of_both_ways_to_send(self, module: AsyncEngine, home: Home) -> None:
        store: Any = home.store
        asked = WHOLE
        options = Options(
            asked.not_before, asked.expires_at, asked.priority, asked.ordering_key, asked.max_attempts,
            asked.correlation, asked.causation, asked.change,
        )  # fmt: skip
        known = Known(asked.type, asked.id, dict(asked.payload), 1, options)
        assert fingerprint(asked) == known_fingerprint(known)
        await by_session(module, home, asked)
        sent = await CommandCases.over(store).sending.send(home.ada.actor, known)
        assert (sent.replayed, sent.record.fingerprint) == (True, fingerprint(asked))
        assert sent.record.command == known
        assert sent.record.rank == sent.record.due_at - timedelta(minutes=9)

    async def test_of_the_event(self, module: AsyncEngine, home: Home, engine: AsyncEngine) -> None:
        store: Any = home.store
        await by_session(module, home, JOURNAL)
        known = Known(POST, "1", dict(JOURNAL.payload), 1, Options())
        await CommandCases.over(store).sending.send(home.ada.actor, known)
        (theirs,), (ours,) = await events(home), await events(home, "1")
        assert theirs.keys() == ours.keys()
        one = {"id", "occurred_at", "salt", "resource", "after"}
        assert {name: theirs[name] for name in theirs.keys() - one} == {name: ours[name] for name in ours.keys() - one}
        assert theirs["after"].keys() == ours["after"].keys()
        async with home.transaction() as tx:
            rows = await tx._session.execute(text("SELECT canon FROM audit_event WHERE resource LIKE 'ledger/%'"))
            canons = [bytes(row.canon) for row in rows]
        assert [canonical_bytes(json.loads(canon)) for canon in canons] == canons

    async def test_of_who_may_send(self, store: PostgresStore, home: Home) -> None:
        async with home.transaction() as tx:
            rows = await tx._session.execute(text("SELECT role FROM bus.sending_role"))
            known = {row.role for row in rows}
        assert known == {role.value for role, given in GRANTS.items() if Permission.COMMANDS_SEND in given}


@pytest.mark.req("CB-50")
class TestPostings:
    @pytest_asyncio.fixture(autouse=True)
    async def types(self, store: PostgresStore) -> None:
        await store.put_command_types([CommandType("payables.pay", 1, {}, {"posts": "AP"})])

    async def test_say_in_whose_books_and_when_by_either_way(self, module: AsyncEngine, home: Home) -> None:
        store: Any = home.store
        known = Known("payables.pay", "42", {}, options=Options(entity="de", effective_date=date(2026, 3, 31)))
        await by_session(module, home, PAYS)
        sent = await CommandCases.over(store).sending.send(home.ada.actor, known)
        asked = sent.record.command.options
        assert (sent.replayed, asked.entity, asked.effective_date) == (True, "de", date(2026, 3, 31))
        with pytest.raises(Conflict) as refused:
            await by_session(module, home, replace(PAYS, effective_date=date(2026, 4, 1)))
        assert refused.value.facts["differs"] == ["effective_date"]

    @pytest.mark.parametrize(
        ("wrong", "paths"),
        [
            (replace(PAYS, entity=None, effective_date=None), ["effective_date", "entity"]),
            (replace(PAYS, entity="a\nb"), ["entity"]),
            (replace(JOURNAL, entity="de"), ["entity"]),
        ],
    )
    async def test_are_of_types_that_post(
        self, module: AsyncEngine, home: Home, wrong: Command, paths: list[str]
    ) -> None:  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await by_session(module, home, wrong)
        assert [each.path for each in refused.value.faults] == [f"/commands/0/{path}" for path in paths]


class TestRefusals:
    @pytest.mark.req("CB-10")
    async def test_of_a_payload_leave_the_transaction_as_it_is(self, module: AsyncEngine, home: Home) -> None:
        async with module.begin() as connection:
            with pytest.raises(Invalid) as refused:
                await send_async(connection, replace(JOURNAL, payload={"entry": 0, "lines": [{}]}), **as_of(home))
            await send_async(connection, JOURNAL, **as_of(home))
        assert [each.path for each in refused.value.faults] == [
            "/commands/0/payload/entry",
            "/commands/0/payload/lines/0",
        ]

    @pytest.mark.parametrize(
        ("wrong", "path"),
        [
            ({"type": "ledger.do-it"}, "type"),
            ({"id": "a b"}, "id"),
            ({"priority": 10}, "priority"),
            ({"max_attempts": 0}, "max_attempts"),
            ({"ordering_key": "a\nb"}, "ordering_key"),
            ({"causation": "42"}, "causation"),
            ({"expires_at": datetime(2029, 1, 1, tzinfo=UTC)}, "expires_at"),
            ({"change": uuid4()}, "change"),
        ],
    )
    async def test_of_how_it_is_written(
        self, module: AsyncEngine, home: Home, wrong: dict[str, Any], path: str
    ) -> None:  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await by_session(module, home, replace(WHOLE, **wrong))
        assert [each.path for each in refused.value.faults] == [f"/commands/0/{path}"]

    async def test_of_who_may_not(self, module: AsyncEngine, home: Home, store: PostgresStore) -> None:
        other = await moved_in(store)
        for actor in (home.bob.id, other.ada.id, uuid4()):
            async with module.connect() as connection:
                with pytest.raises(NotAllowed):
                    await send_async(connection, JOURNAL, tenant=home.tenant.id, actor=actor)

    async def test_of_another_tenant_than_the_one_bound(self, module: AsyncEngine, home: Home) -> None:
        async with module.connect() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :one, true)"), {"one": str(uuid4())})
            with pytest.raises(NotFound):
                await send_async(connection, JOURNAL, **as_of(home))

    async def test_of_everything_else_to_a_module(self, module: AsyncEngine, home: Home) -> None:
        for statement in ("SELECT * FROM command", "SELECT * FROM audit_event", "SELECT bus.given('[]')"):
            await _denied(module, statement)


async def _denied(module: AsyncEngine, statement: str) -> None:
    async with module.connect() as connection:
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text(statement))
