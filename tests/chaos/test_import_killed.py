"""An import whose connection dies at any statement, or whose worker is killed, has done all of it or nothing.

The import has 500 items: values that are new, that replace others and that are taken back, a definition, flags that
are new and that replace others, and the rules that flags share. Its steps pass 77 statements and commits; the backend
is terminated before each of them in turn.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.memory.secrets import MemorySealer
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from application.ports.imports import ImportState
from application.settings.importing import Importing
from application.settings.imports import ImportWish
from application.settings.moving import BundleCases, importing
from application.settings.transfer import Intake
from domain.environments import Environment
from domain.errors import Unavailable
from domain.flags import SHARED_RULES
from domain.settings import Bundle, Definition, EntryState, Line, Scope, SettingType
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.workflow.theatre import CLASSIC, EXPRESS

DEV = Environment.DEV
OLD = Definition("old.limit", SettingType.INTEGER, scopes=("company",), default=1)
NEW = Definition("new.limit", SettingType.INTEGER, scopes=("company",), default=1)
WHY = "because of the ordeal"
FACTS = (
    "SELECT (SELECT count(*) FROM setting_definition_version WHERE tenant_id = $1) AS definitions,"
    " (SELECT count(*) FROM setting_entry WHERE tenant_id = $1) AS entries,"
    " (SELECT count(*) FROM setting_entry WHERE tenant_id = $1 AND upper(valid) IS NOT NULL) AS ended,"
    " (SELECT count(*) FROM flag_version WHERE tenant_id = $1) AS flags,"
    " (SELECT sum(revision) FROM flag_set WHERE tenant_id = $1) AS revisions,"
    " (SELECT sum(epoch) FROM setting_space WHERE tenant_id = $1) AS epochs,"
    " (SELECT count(*) FROM bundle_sync WHERE tenant_id = $1) AS syncs,"
    " (SELECT count(*) FROM event WHERE tenant_id = $1) AS events,"
    " (SELECT count(*) FROM audit_event WHERE tenant_id = $1) AS audited"
)


def lines(definition: Definition, places: range, add: int = 0) -> list[Line]:
    return [Line(definition.key, Scope(f"company:c{n:04}"), EntryState.SET, n + add) for n in places]


def before(house: House) -> Bundle:
    flags = {SHARED_RULES: {"insiders": True}, **{f"flag-{n:02}": CLASSIC for n in range(10)}}
    return Bundle(house.tenant.slug, DEV, (OLD,), tuple(lines(OLD, range(100))), flags)


def after(house: House) -> Bundle:
    """Fifty values are taken back, fifty replaced, 430 are new; of 20 flags ten are replaced."""
    flags = {SHARED_RULES: {"insiders": False}, **{f"flag-{n:02}": EXPRESS for n in range(20)}}
    values = (*lines(OLD, range(50), add=1), *lines(NEW, range(430)))
    return Bundle(house.tenant.slug, DEV, (OLD, NEW), values, flags)


@dataclass
class Doom:
    """Terminates the backend of a connection of this engine before its n-th statement."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    at: int | None = None
    passed: list[str] = field(default_factory=list)

    def statement(self, connection: Connection, _cursor: Any, words: str, *_rest: Any) -> None:
        self._point(connection, " ".join(words.split()[:3]))

    def commit(self, connection: Connection) -> None:
        self._point(connection, "COMMIT")

    def _point(self, connection: Connection, what: str) -> None:
        self.passed.append(what)
        if len(self.passed) == self.at:
            pid = connection.connection.driver_connection.get_server_pid()  # type: ignore[union-attr]  # it is open
            await_only(self.owner.execute("SELECT pg_terminate_backend($1, 5000)", pid))

    @asynccontextmanager
    async def over(self, engine: AsyncEngine, at: int | None) -> AsyncIterator[None]:
        self.at, self.passed = at, []
        listeners = (("before_cursor_execute", self.statement), ("commit", self.commit))
        for name, listener in listeners:
            event.listen(engine.sync_engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(engine.sync_engine, name, listener)


@pytest_asyncio.fixture
async def owner(stack: Stack) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def doomed(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(database_url, pool_size=2)
    yield engine
    await engine.dispose()


class Nobody:
    """Starts no workflow: the steps are taken here."""

    async def start_import(self, *_: Any) -> None: ...


@dataclass
class Scene:
    """A house with something in it, and an import that waits to be applied."""

    house: House
    store: PostgresStore
    owner: "asyncpg.Connection[asyncpg.Record]"
    steps: Importing
    record: UUID = field(default_factory=uuid4)

    async def set(self) -> None:
        """What stands there before."""
        await self.steps._transfer.import_(self.house.ada, Intake(DEV, before(self.house).to_json(), WHY))

    async def ask(self, processes: Any) -> None:
        actor = self.house.ada
        cases = BundleCases.over(self.store, processes, self.steps._transfer)

        async def stream() -> AsyncIterator[bytes]:
            yield orjson.dumps(after(self.house).to_json())

        upload = await cases.uploads.take(actor, uuid4(), stream())
        await cases.imports.request(actor, self.record, ImportWish(upload.id, DEV, WHY, prune=True, sync=True))

    async def facts(self) -> dict[str, int]:
        [row] = await self.owner.fetch(FACTS, self.house.id)
        return dict(row.items())

    async def state(self) -> ImportState:
        async with self.store.transaction(self.house.id) as tx:
            found = await tx.imports.get(self.record)
        assert found is not None
        return found.state

    async def apply(self) -> ImportState:
        return (await self.steps.apply(self.house.id, self.record, lambda _: None)).state

    async def left(self) -> bool:
        """Whether the environment is as the bundle says."""
        raw = after(self.house).to_json()
        told = await self.steps._transfer.import_(self.house.ada, Intake(DEV, raw, WHY, dry_run=True, prune=True))
        return told.outcome == "no_changes"


@asynccontextmanager
async def quiet(store: PostgresStore, doomed: AsyncEngine, owner: Any, house: House) -> AsyncIterator[Scene]:
    own = PostgresStore(doomed)
    scene = Scene(house, store, owner, importing(own, Nobody(), MemorySealer()))  # type: ignore[arg-type]  # asked to start only
    await scene.set()
    await scene.ask(Nobody())
    yield scene


@pytest.mark.req("ST82", "FR-SM-031")
class TestCutConnection:
    async def test_at_every_statement_leaves_nothing_and_going_on_everything_once(
        self, store: PostgresStore, doomed: AsyncEngine, owner: Any, house: House, neighbourhood: House
    ) -> None:
        doom = Doom(owner)
        async with quiet(store, doomed, owner, neighbourhood) as calm:
            was = await calm.facts()
            async with doom.over(doomed, None):
                assert await calm.apply() is ImportState.APPLIED
            points = list(doom.passed)
            done = {name: count - was[name] for name, count in (await calm.facts()).items()}
        committed = max(n for n, what in enumerate(points, 1) if what == "COMMIT" and n < len(points) - 1)
        async with quiet(store, doomed, owner, house) as scene:
            facts = await scene.facts()
            for number in range(1, committed + 1):
                async with doom.over(doomed, number):
                    with pytest.raises(Unavailable):
                        await scene.apply()
                assert await scene.facts() == facts, points[number - 1]
                assert await scene.state() is ImportState.RUNNING, points[number - 1]
            assert await scene.apply() is ImportState.APPLIED
            assert {name: count - facts[name] for name, count in (await scene.facts()).items()} == done
            assert await scene.left()
            ended = await scene.facts()
            for _ in range(2):
                assert await scene.apply() is ImportState.APPLIED
            assert await scene.facts() == ended

    async def test_after_the_commit_everything_is_there_once(
        self, store: PostgresStore, doomed: AsyncEngine, owner: Any, house: House
    ) -> None:
        """The answer was lost, and the step is taken again."""
        doom = Doom(owner)
        async with quiet(store, doomed, owner, house) as scene:
            async with doom.over(doomed, None):
                await scene.apply()
            facts = await scene.facts()
            async with doom.over(doomed, 2):
                with pytest.raises(Unavailable):
                    await scene.apply()
            assert await scene.apply() is ImportState.APPLIED
            assert await scene.facts() == facts
            assert await scene.left()


@pytest.mark.req("ST82", "FR-SM-031")
class TestKilledWorker:
    async def test_while_it_applies_another_one_does_it_once(
        self, store: PostgresStore, client: Client, owner: Any, house: House, surroundings: dict[str, str],
        tmp_path: Path,
    ) -> None:  # fmt: skip
        """The worker waits for a lock, deep in its transaction, when it is killed."""
        processes = TemporalProcesses(always(client))
        scene = Scene(house, store, owner, importing(store, processes, MemorySealer()))
        await scene.set()
        holding = owner.transaction()
        async with running("-m", "worker", env=surroundings, log=tmp_path / "first.log") as first:
            await holding.start()
            await owner.execute("SELECT 1 FROM flag_set WHERE tenant_id = $1 FOR UPDATE", house.id)
            await scene.ask(processes)
            facts = await scene.facts()
            await eventually(lambda: waits(owner), patience=120)
            first.send_signal(signal.SIGKILL)
            await first.wait()
            await holding.rollback()
        assert await scene.facts() == facts
        async with running("-m", "worker", env=surroundings, log=tmp_path / "second.log"):
            result = await asyncio.wait_for(client.get_workflow_handle(f"import/{scene.record}").result(), 150)
        assert ImportState(result["state"]) is ImportState.APPLIED
        assert await scene.left()
        done = {name: count - facts[name] for name, count in (await scene.facts()).items()}
        assert (done["definitions"], done["flags"], done["syncs"], done["ended"]) == (1, 21, 1, 100)
        assert done["entries"] == 50 + 50 + 430  # taken back, replaced, new


async def waits(owner: Any) -> bool:
    """Whether somebody waits for a lock that this connection has; activity would be told as the transaction began."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    return bool(await owner.fetchval(query))
