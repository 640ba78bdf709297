"""One real PostgreSQL and one real Temporal serve the whole run; each test gets a tenant of its own."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded.stack import Options, Stack
from adapters.postgres.engine import connect
from adapters.postgres.schema import create_login, migrate
from adapters.postgres.store import PostgresStore
from application.ports.records import Tenant
from application.tenants import Tenants
from domain.people import Actor, PrincipalKind, Role

ISSUER = "changegate-tests"


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changegate")


@pytest_asyncio.fixture(scope="session")
async def stack(data_folder: Path) -> AsyncIterator[Stack]:
    """The real servers, with time skipping, and not durable: nothing here outlives the run."""
    async with Stack(data_folder, Options(durable=False, time_skipping=True)) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def database_url(stack: Stack) -> str:
    """The address that the product itself would use: migrated, and logged in as nobody special."""
    owner = stack.endpoints.database_superuser_url
    password = secrets.token_urlsafe(16)
    await migrate(owner)
    await create_login(owner, "changegate_service", password)
    return f"postgresql://changegate_service:{quote(password)}@{urlsplit(owner).netloc.rpartition('@')[2]}/postgres"


@pytest_asyncio.fixture
async def empty_post(stack: Stack, database_url: str) -> None:
    """Other tests leave messages that nobody sends; they take no turn here."""
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        await connection.execute(
            "UPDATE command SET state = 'canceled', ended_at = now()"
            " WHERE type = 'changegate.deliver-notice' AND state IN ('pending', 'retry-wait')"
        )
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Patient, since a machine that runs all tests is slow, and that is no outage."""
    engine = connect(database_url, patience=60)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def store(engine: AsyncEngine) -> PostgresStore:
    return PostgresStore(engine)


@dataclass
class House:
    """One tenant with the people that stories need; `house.ada` is the actor with that handle."""

    tenant: Tenant
    people: dict[str, Actor] = field(default_factory=dict)

    def __getattr__(self, handle: str) -> Actor:
        try:
            return self.people[handle]
        except KeyError:
            raise AttributeError(handle) from None

    @property
    def id(self) -> UUID:
        return self.tenant.id


CAST = {
    "root": {Role.ADMIN},
    "ada": {Role.CONFIG_MANAGER},
    "bob": {Role.APPROVER},
    "cyd": {Role.APPROVER},
    "dee": {Role.APPROVER},
    "eve": {Role.VIEWER},
    "olu": {Role.OPERATOR},
    "aud": {Role.AUDITOR},
}


async def housed(store: PostgresStore) -> House:
    """A fresh tenant: ada proposes, bob, cyd and dee approve, olu operates, eve looks, aud audits, root administers."""
    tenants = Tenants(store)
    tenant = await tenants.admit_tenant(f"t-{secrets.token_hex(6)}", "A house of tests")
    house = House(tenant)
    for handle, roles in CAST.items():
        person = await tenants.admit_principal(
            tenant, handle, frozenset(roles), issuer=ISSUER, email=f"{handle}@example.test"
        )
        house.people[handle] = person.actor
    shop = await tenants.admit_principal(
        tenant, "shop", frozenset({Role.CONFIG_MANAGER}), issuer=ISSUER, kind=PrincipalKind.SERVICE
    )
    house.people["shop"] = shop.actor
    return house


@pytest_asyncio.fixture
async def house(store: PostgresStore) -> House:
    return await housed(store)
