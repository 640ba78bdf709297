"""The client's bus sends in the caller's transaction what the product would have sent, with the same event."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from changegate import Conflict, Invalid, NotAllowed, NotFound
from changegate.bus import (
    Command,
    OnUnique,
    Sent,
    fingerprint,
    reply_by_command,
    reply_by_signal,
    reply_by_webhook,
    send,
    send_async,
    send_many_async,
)
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from adapters.postgres.engine import connect
from adapters.postgres.schema import create_login
from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from application.ports.commands import CommandFilter
from application.ports.outward import Destination, DestinationKind
from domain.canonical import canonical_bytes
from domain.commands import Command as Known
from domain.commands import CommandRecord, CommandState, CommandType, Options, ReplyTo
from domain.commands import OnUnique as KnownHow
from domain.commands import fingerprint as known_fingerprint
from domain.people import GRANTS, Permission
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import POST, catalogued

JOURNAL = Command(POST, "42", {"entry": 7, "lines": [{"amount": "1.50 é\n\t\x1f\u2028"}]})
PAYS = Command("payables.pay", "42", {}, entity="de", effective_date=date(2026, 3, 31))
EAST = timezone(timedelta(hours=5))
WHOLE = Command(
    POST, "43", {"entry": 7}, 1, datetime(2030, 1, 1, 5, tzinfo=EAST), datetime(2030, 1, 2, tzinfo=UTC), 9, "acc 1", 4,
    uuid4(), "sales/1",
)  # fmt: skip
Way = Callable[[AsyncEngine, Home, Command], Awaitable[Sent]]


@pytest_asyncio.fixture(scope="module")
async def module(stack: Any, database_url: str) -> AsyncIterator[AsyncEngine]:
    """The engine of a module: its login may send and create tables of its own, and nothing else."""
    owner = stack.endpoints.database_superuser_url
    await create_login(owner, "sending_module", "secret")
    line = await asyncpg.connect(owner)
    try:
        await line.execute("REVOKE changegate_app FROM sending_module")
        await line.execute("GRANT changegate_sender TO sending_module")
        await line.execute("CREATE SCHEMA IF NOT EXISTS orders AUTHORIZATION sending_module")
        await line.execute("CREATE TABLE IF NOT EXISTS orders.placed (n int)")
        await line.execute("ALTER TABLE orders.placed OWNER TO sending_module")
    finally:
        await line.close()
    place = urlsplit(owner).netloc.rpartition("@")[2]
    engine = connect(f"postgresql://sending_module:secret@{place}/postgres")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


def as_of(home: Home) -> dict[str, Any]:
    return {"tenant": home.tenant.id, "actor": home.ada.id}


async def by_session(engine: AsyncEngine, home: Home, command: Command) -> Sent:
    async with AsyncSession(engine) as session, session.begin():
        return await send_async(session, command, **as_of(home))


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


async def found(home: Home) -> list[CommandRecord]:
    store: Any = home.store
    return await CommandCases.over(store).looking.page(home.ada.actor, CommandFilter(), None, 99)


async def events(home: Home, id: str = "42") -> list[dict[str, Any]]:  # noqa: A002 -- the command's
    store: Any = home.store
    rows = await CommandCases.over(store).looking.trail(home.ada.actor, ("ledger", id), None, 99)
    return [each.event for each in rows]


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


ANSWERS = [reply_by_command("sales.ship-order", "answer-"), reply_by_webhook("crm")]


@pytest.mark.req("CB-35")
class TestOptions:
    @pytest_asyncio.fixture(autouse=True)
    async def crm(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.outward.put_destination(
                Destination("crm", 1, DestinationKind.WEBHOOK, "-", "a.test", (), (), True, home.ada.id,
                            datetime(2026, 3, 1, tzinfo=UTC))
            )  # fmt: skip

    @pytest.mark.parametrize("how", list(OnUnique))
    async def test_are_the_same_of_both_ways_to_send(self, module: AsyncEngine, home: Home, how: OnUnique) -> None:
        store: Any = home.store
        to = [*ANSWERS, reply_by_signal(f"reply/{home.tenant.id}/7", "over")][list(OnUnique).index(how)]
        asked = replace(JOURNAL, reply_to=to, unique_key="rates", on_unique=how)
        options = Options(reply_to=ReplyTo.of_json(to), unique_key="rates", on_unique=KnownHow(how.value))
        known = Known(POST, "42", dict(JOURNAL.payload), 1, options)
        assert fingerprint(asked) == known_fingerprint(known)
        first = await by_session(module, home, asked)
        sent = await CommandCases.over(store).sending.send(home.ada.actor, known)
        assert (first.replayed, sent.replayed, sent.record.command.options.reply_to) == (False, True, options.reply_to)
        again = await by_session(module, home, asked)
        assert again == replace(first, replayed=True)

    async def test_one_at_a_time_has_a_unique_key(self, module: AsyncEngine, home: Home) -> None:
        first = await by_session(module, home, replace(JOURNAL, id="1", unique_key="rates"))
        shared = await by_session(
            module, home, replace(JOURNAL, id="2", unique_key="rates", on_unique=OnUnique.COALESCE)
        )
        assert shared == replace(first, coalesced=True)
        async with module.begin() as connection:
            with pytest.raises(Conflict) as refused:
                await send_many_async(
                    connection, [JOURNAL, replace(JOURNAL, id="3", unique_key="rates")], **as_of(home)
                )
            await send_async(connection, replace(JOURNAL, id="4"), **as_of(home))
        assert (refused.value.kind, refused.value.facts) == ("unique-key-taken", {
            "command": "ledger/1", "at": "/commands/1", "state": "pending", "unique_key": "rates",
        })  # fmt: skip
        assert {each.command.id for each in await found(home)} == {"1", "4"}

    async def test_what_nobody_has_begun_is_replaced(self, module: AsyncEngine, home: Home) -> None:
        store: Any = home.store
        one, two = (replace(JOURNAL, id=id_, unique_key="rates", on_unique=OnUnique.REPLACE) for id_ in "12")
        await by_session(module, home, one)
        await by_session(module, home, two)
        first = await CommandCases.over(store).looking.get(home.ada.actor, ("ledger", "1"))
        assert first.error is not None
        assert (first.state, first.error.code, first.error.details) == (
            CommandState.CANCELED, "superseded", {"by": "ledger/2"},
        )  # fmt: skip
        known = Known(POST, "3", dict(JOURNAL.payload), 1, Options(unique_key="rates", on_unique=KnownHow.REPLACE))
        await CommandCases.over(store).sending.send(home.ada.actor, known)
        (*_, theirs), (*_, ours) = await events(home, "1"), await events(home, "2")
        one_only = {"id", "occurred_at", "salt", "resource", "after"}
        assert {n: theirs[n] for n in theirs.keys() - one_only} == {n: ours[n] for n in ours.keys() - one_only}
        assert theirs["after"] == {**ours["after"], "by": "ledger/2"}
        async with home.transaction() as tx:
            rows = await tx._session.execute(text("SELECT canon FROM audit_event WHERE resource LIKE 'ledger/%'"))
            canons = [bytes(row.canon) for row in rows]
        assert [canonical_bytes(json.loads(canon)) for canon in canons] == canons

    async def test_what_somebody_waits_for_is_not_replaced_from_here(self, module: AsyncEngine, home: Home) -> None:
        await by_session(module, home, replace(JOURNAL, unique_key="rates", reply_to=ANSWERS[0]))
        with pytest.raises(Conflict):
            await by_session(module, home, replace(JOURNAL, id="2", unique_key="rates", on_unique=OnUnique.REPLACE))

    async def test_within_one_call_the_first_has_the_key(self, module: AsyncEngine, home: Home) -> None:
        keyed = replace(JOURNAL, id="1", unique_key="rates", on_unique=OnUnique.COALESCE)
        async with module.begin() as connection:
            sent = await send_many_async(connection, [keyed, replace(keyed, id="2")], **as_of(home))
        assert [(each.id, each.coalesced) for each in sent] == [("1", False), ("1", True)]

    async def test_senders_at_once_lose_no_transaction(self, module: AsyncEngine, home: Home) -> None:
        keyed = replace(JOURNAL, unique_key="rates", on_unique=OnUnique.REPLACE)
        await asyncio.gather(*(by_session(module, home, replace(keyed, id=str(each))) for each in range(20)))
        assert Counter(each.state for each in await found(home)) == {
            CommandState.PENDING: 1, CommandState.CANCELED: 19,
        }  # fmt: skip

    async def test_clients_of_the_first_version_send_without_them(self, module: AsyncEngine, home: Home) -> None:
        asked = [{"type": POST, "id": "42", "payload": {"entry": 7}, "schema_version": 1, "priority": 5,
                  "fingerprint": fingerprint(replace(JOURNAL, payload={"entry": 7}))}]  # fmt: skip
        ask = text("SELECT * FROM bus.send_v1(:tenant, :actor, CAST(:commands AS jsonb))")
        for replayed in (False, True):
            async with module.begin() as connection:
                (row,) = await connection.execute(ask, {**as_of(home), "commands": json.dumps(asked)})
            assert (row.replayed, row.state, row.differs) == (replayed, "pending", None)

    @pytest.mark.parametrize(
        ("wrong", "paths"),
        [
            ({"unique_key": "a\nb"}, ["unique_key"]),
            ({"on_unique": OnUnique.REPLACE}, ["on_unique"]),
            ({"reply_to": {"kind": "pigeon"}}, ["reply_to/kind"]),
            ({"reply_to": reply_by_webhook("nobody")}, ["reply_to/destination"]),
            ({"reply_to": reply_by_command("sales.ship-ordr", "")}, ["reply_to/prefix", "reply_to/type"]),
            ({"reply_to": reply_by_signal(f"reply/{uuid4()}/7", "Over")}, ["reply_to/signal", "reply_to/workflow"]),
            ({"reply_to": {**reply_by_webhook("crm"), "signal": "over"}}, ["reply_to"]),
        ],
    )
    async def test_say_what_is_wrong_with_them(
        self, module: AsyncEngine, home: Home, wrong: dict[str, Any], paths: list[str]
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await by_session(module, home, replace(JOURNAL, **wrong))
        assert [each.path for each in refused.value.faults] == [f"/commands/0/{path}" for path in paths]


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
