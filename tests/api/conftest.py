"""The whole API over the real database; only Temporal is a twin in memory, and votes through it really count."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.holidays.listed import ListedHolidays
from adapters.identity.assertions import SignedActs
from adapters.identity.issuer import EmbeddedIssuer
from adapters.identity.keys import kept_key
from adapters.identity.links import SignedLinks
from adapters.identity.tokens import TokenVerifier
from adapters.memory.cache import NoSnapshots
from adapters.memory.metrics import ScriptedSource
from adapters.memory.processes import MemoryProcesses
from adapters.notify.signatures import StandardSignatures
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore
from api.app import create_app
from api.corked import Protocol
from api.services import Services, Settings
from application.acting import Acting
from application.approvals import Approvals
from application.auditing import Auditing
from application.authentication import Authentication
from application.changes import Changes
from application.closures.cases import ClosureCases
from application.closures.desk import ClosureDesk
from application.controls import Rollouts
from application.delegations import Delegations
from application.evaluation import FlagSets
from application.events.cases import EventCases, EventNews
from application.flag_streams import FlagStreams
from application.flags import Flags
from application.killing import KillSwitch
from application.outside import Proofs
from application.periods.checking import PostingChecks
from application.periods.known import KnownTables
from application.ports.store import Store
from application.previewing import Previewing
from application.reopenings.cases import ReopeningCases
from application.settings.cases import SettingCases
from application.settings.snapshots import SettingSnapshots
from application.shared_rules import SharedRules
from application.submission import Submission
from application.telemetry import Sources, Telemetry, TelemetrySource
from application.tenancy.closings import Closings
from application.tenants import Tenants
from application.whole_sets import WholeSets
from domain.flags import BUCKETING
from domain.gates import SourceKind
from tests.api.bureau import bureau, opened, servicenow  # noqa: F401 -- fixtures are found by their name
from tests.api.configs import make, put  # noqa: F401 -- fixtures are found by their name
from tests.api.desk import desk, hands, receiver  # noqa: F401 -- fixtures are found by their name
from tests.api.howtos import follow  # noqa: F401 -- fixtures are found by their name
from tests.api.trees import Tree
from tests.api.watching import neighbour, onlooker, watcher  # noqa: F401 -- fixtures are found by their name
from tests.node import node_home  # noqa: F401 -- fixtures are found by their name
from tests.trail import told  # noqa: F401 -- it stands for the house of every test

ISSUER = "changegate-tests"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class World:
    """The application with what stands around it."""

    app: FastAPI
    services: Services
    processes: MemoryProcesses
    issuer: EmbeddedIssuer
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, house: Any, handle: str, **more: str) -> dict[str, str]:
        token = self.tokens.setdefault(handle, self.issuer.mint(handle))
        return {"Authorization": f"Bearer {token}", "Changegate-Tenant": house.tenant.slug, **more}

    def client(self, house: Any, handle: str | None = None) -> httpx2.AsyncClient:
        headers = self.headers(house, handle) if handle else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url="http://changegate.test", headers=headers)


def build(
    store: Store, listener: Listener, issuer: EmbeddedIssuer, folder: Path, settings: Settings | None = None
) -> World:
    acts = SignedActs(kept_key(folder / "acts.pem"), now)
    processes = MemoryProcesses(store, acts, now)
    acting = Acting(store, acts, now)
    sources = Sources({SourceKind.TELEMETRY: TelemetrySource(store), SourceKind.PROMETHEUS: ScriptedSource(now())})
    submission = Submission(store, processes)
    snapshots = SettingSnapshots(store, listener.settings, now)
    flag_sets = FlagSets(store, listener.flags, NoSnapshots(), lambda: now().timestamp())
    closures = ClosureCases.over(store, processes, acts, ListedHolidays())
    services = Services(
        store=store,
        processes=processes,
        clock=now,
        authentication=Authentication(
            store, TokenVerifier({issuer.issuer: issuer.config()}), Closings(listener.tenants)
        ),
        flags=Flags(store),
        shared_rules=SharedRules(store),
        flag_bucketing=WholeSets(store, BUCKETING),
        setting=SettingCases.over(store, submission, EnvelopeSealer(FileKeyRing(folder / "ring")), snapshots),
        kill_switch=KillSwitch(store, processes),
        changes=Changes(store, sources),
        submission=submission,
        approvals=Approvals(store, processes, acting),
        delegations=Delegations(store),
        rollouts=Rollouts(store, processes, acting),
        tenants=Tenants(store, snapshots),
        auditing=Auditing(store),
        telemetry=Telemetry(store),
        flag_sets=flag_sets,
        flag_streams=FlagStreams(store, flag_sets, acts, now),
        setting_snapshots=snapshots,
        events=EventCases.over(store, EnvelopeSealer(FileKeyRing(folder / "ring")), snapshots, EventNews.of(listener)),
        proofs=Proofs(
            EnvelopeSealer(FileKeyRing(folder / "ring")),
            StandardSignatures(),
            SignedLinks(kept_key(folder / "acts.pem"), now),
        ),
        previewing=Previewing(store, acts, now),
        holidays=ListedHolidays(),
        posting_checks=PostingChecks(store, KnownTables(store, listener.periods), now),
        closures=closures,
        closure_desk=ClosureDesk(store, processes, acting, closures),
        reopenings=ReopeningCases.over(store, processes, closures.starting),
        settings=settings or Settings(),
    )
    return World(create_app(services), services, processes, issuer)


@pytest.fixture(scope="session")
def issuer(data_folder: Path) -> EmbeddedIssuer:
    return EmbeddedIssuer(data_folder / "issuer", issuer=ISSUER)


@contextlib.asynccontextmanager
async def followed(services: Services) -> AsyncIterator[None]:
    """The snapshots hear of changes while this lasts."""
    task = asyncio.create_task(services.follow())
    try:
        await eventually(lambda: services.flag_sets.listening)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture(scope="session")
async def world(
    store: PostgresStore, database_url: str, issuer: EmbeddedIssuer, data_folder: Path
) -> AsyncIterator[World]:
    world = build(store, Listener(database_url), issuer, data_folder)
    async with followed(world.services):
        yield world


@pytest.fixture(scope="session")
def worlds() -> Callable[..., World]:
    """Builds an application over other parts than the usual ones."""
    return build


@contextlib.asynccontextmanager
async def served(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Its address, behind a real uvicorn."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False, http=Protocol)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await eventually(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest_asyncio.fixture(scope="session")
async def address(world: World) -> AsyncIterator[str]:
    """The same application, over HTTP."""
    async with served(world.app) as address:
        yield address


@pytest.fixture
def tree(world: World, house: Any) -> Tree:
    return Tree(world, house)


@pytest.fixture
def ask(world: World, house: Any) -> Callable[..., Awaitable[httpx2.Response]]:
    """One request of one person of this test's house; the path is below /api/v1 where it names no other root."""

    async def asked(handle: str | None, method: str, path: str, **more: Any) -> httpx2.Response:
        full = path if path.startswith(("/api", "/ofrep")) else f"/api/v1{path}"
        async with world.client(house, handle) as client:
            return await client.request(method, full, **more)

    return asked


@pytest.fixture
def define(ask: Any) -> Callable[..., Awaitable[None]]:
    """Defines a setting as ada."""

    async def defined(**definition: Any) -> None:
        wish = {"definition": definition, "reason": "because of the test"}
        answer = await ask("ada", "POST", "/setting-definitions", json=wish)
        assert answer.status_code == 201, answer.text

    return defined


@pytest.fixture(scope="session", name="eventually")
def _eventually() -> Callable[..., Awaitable[Any]]:
    return eventually


async def eventually(holds: Callable[[], Any], patience: float = 90.0) -> Any:
    """What `holds` gives, as soon as it counts as true; it may be a coroutine function."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        value = holds()
        value = await value if asyncio.iscoroutine(value) else value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, "it never became true"
        await asyncio.sleep(0.02)


@pytest.fixture
def unbelieved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for flags is looked up each time, and who streams many times a second."""
    monkeypatch.setattr("api.callers._TRUST_SECONDS", 0.0)
    monkeypatch.setattr("application.flag_streams._TRUST_SECONDS", 0.0)
    monkeypatch.setattr("api.ofrep_streams.BEAT_SECONDS", 0.1)
