"""The client starts processes in the caller's transaction as the product would have, with the same event."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from changegate import Conflict, Invalid, NotAllowed
from changegate.processes import Process, Started, fingerprint, start_process, start_process_async
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.store import PostgresStore
from application.sagas.starting import start_process as known_start
from domain.canonical import canonical_bytes
from domain.people import Role
from domain.sagas import Saga, SagaState
from domain.sagas import fingerprint as known_fingerprint
from tests.contract.homes import Home, moved_in
from tests.integration.postgres.sending import as_of, module_login
from tests.sagas import BOOK, TRIP, wish

BOOKED = Process(TRIP, "42", wish().data)


@pytest_asyncio.fixture(scope="module")
async def module(stack: Any, database_url: str) -> AsyncIterator[AsyncEngine]:
    async with module_login(stack.endpoints.database_superuser_url, "starting_module") as engine:
        yield engine


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    await store.put_process_types(BOOK.types())
    return await moved_in(store)


async def started(engine: AsyncEngine, home: Home, process: Process = BOOKED) -> Started:
    async with AsyncSession(engine) as session, session.begin():
        return await start_process_async(session, process, **as_of(home))


async def found(home: Home, id: str = "42") -> Saga | None:  # noqa: A002 -- the process's
    async with home.transaction() as tx:
        there: Saga | None = await tx.sagas.get((TRIP, id))
        return there


async def test_it_is_the_process_that_the_product_would_have_started(module: AsyncEngine, home: Home) -> None:
    assert fingerprint(BOOKED) == known_fingerprint(wish())
    first = await started(module, home, replace(BOOKED, causation="sales/9"))
    assert (first.replayed, first.state) == (False, "started")
    async with home.transaction() as tx:
        again = await known_start(tx, wish(), home.ada.actor)
        other = (await known_start(tx, replace(wish("43"), causation="sales/9"), home.ada.actor)).saga
    assert again.replayed
    assert replace(again.saga, id="43", correlation=other.correlation, started_at=other.started_at) == other
    async with home.transaction() as tx:
        rows = await tx._session.execute(text("SELECT canon FROM audit_event WHERE resource_type = 'process'"))
        canons = [bytes(row.canon) for row in rows]
    assert [canonical_bytes(json.loads(canon)) for canon in canons] == canons
    theirs, ours = sorted(map(json.loads, canons), key=lambda event: str(event["resource"]))
    own = {"id", "occurred_at", "salt", "resource"}
    assert theirs["after"] == {**ours["after"], "correlation": str(first.correlation)}
    assert {n: theirs[n] for n in theirs.keys() - own - {"after"}} == {
        n: ours[n] for n in ours.keys() - own - {"after"}
    }


async def test_it_is_there_when_its_transaction_commits_and_once(module: AsyncEngine, home: Home) -> None:
    async with AsyncSession(module) as session:
        await start_process_async(session, BOOKED, **as_of(home))
        await session.rollback()
    assert await found(home) is None
    async with module.begin() as connection:
        first = await connection.run_sync(lambda line: start_process(line, BOOKED, **as_of(home)))
    assert await started(module, home) == replace(first, replayed=True)
    async with module.begin() as connection:
        with pytest.raises(Conflict) as refused:
            await start_process_async(
                connection, replace(BOOKED, data={**BOOKED.data, "words": "other"}), **as_of(home)
            )
        await start_process_async(connection, replace(BOOKED, id="43"), **as_of(home))
    assert (refused.value.kind, refused.value.facts["differs"]) == ("process-conflict", ["data"])
    there = await found(home, "43")
    assert there is not None
    assert (there.state, there.starter) == (SagaState.STARTED, home.ada.id)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"data": {"words": 7}}, "/data/words"),
        ({"type": "works.fly"}, "/type"),
        ({"schema_version": 7}, "/type"),
        ({"id": "a/b"}, "/id"),
        ({"causation": "nobody"}, "/causation"),
        ({"change": uuid4()}, "/change"),
    ],
)
async def test_what_cannot_be_started_says_why(
    module: AsyncEngine, home: Home, wrong: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await started(module, home, replace(BOOKED, **wrong))
    assert [each.path for each in refused.value.faults] == [path]


async def test_who_may_not_send_commands_starts_none(module: AsyncEngine, home: Home) -> None:
    auditor = replace(home.bob, id=uuid4(), roles=frozenset({Role.AUDITOR}))
    with pytest.raises(NotAllowed) as refused:
        await started(module, replace(home, ada=auditor))
    assert refused.value.facts == {"permission": "commands.send"}
    async with home.transaction() as tx:
        await tx.tenants.save((await tx.tenants.own()).suspended(tx.now), None)
    with pytest.raises(NotAllowed) as refused:
        await started(module, home)
    assert refused.value.kind == "tenant-suspended"
