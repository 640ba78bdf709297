"""A module in the same database sends with a unique key and a reply as the product does."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from changegate import Conflict, Invalid, NotAllowed
from changegate.bus import (
    OnUnique,
    fingerprint,
    reply_by_command,
    reply_by_signal,
    reply_by_webhook,
    send_async,
    send_many_async,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from application.ports.outward import Destination, DestinationKind
from domain.canonical import canonical_bytes
from domain.commands import Command as Known
from domain.commands import CommandState, CommandType, Options, ReplyTo
from domain.commands import OnUnique as KnownHow
from domain.commands import fingerprint as known_fingerprint
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import POST, catalogued
from tests.integration.postgres.sending import JOURNAL, as_of, by_session, events, found, module_login

ANSWERS = [reply_by_command("sales.ship-order", "answer-"), reply_by_webhook("crm")]


@pytest_asyncio.fixture(scope="module")
async def module(stack: Any, database_url: str) -> AsyncIterator[AsyncEngine]:
    async with module_login(stack.endpoints.database_superuser_url, "choosing_module") as engine:
        yield engine


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


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

    async def test_one_goes_alone_where_its_sender_says_so_first(self, module: AsyncEngine, home: Home) -> None:
        one, two = replace(JOURNAL, id="1", alone=True), replace(JOURNAL, id="2")
        async with module.begin() as connection:
            assert not any(each.replayed for each in await send_many_async(connection, [two, one], **as_of(home)))
        assert (await by_session(module, home, replace(two, alone=True))).replayed
        assert {each.command.id for each in await found(home) if each.alone} == {"1"}
        domain = f"d{uuid4().hex[:12]}"
        store: Any = home.store
        await store.put_command_types([CommandType(f"{domain}.pay", 1, {}, {"posts": "GL"})])
        with pytest.raises(Invalid) as refused:
            await by_session(module, home, replace(one, type=f"{domain}.pay"))
        assert [each.path for each in refused.value.faults] == ["/commands/0/alone"]

    async def test_a_suspended_tenant_sends_nothing(self, module: AsyncEngine, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.tenants.save((await tx.tenants.own()).suspended(tx.now), None)
        with pytest.raises(NotAllowed) as refused:
            await by_session(module, home, JOURNAL)
        assert refused.value.kind == "tenant-suspended"

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
