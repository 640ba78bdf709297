"""A whole installation for one benchmark, on a data folder that is thrown away."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded.places import LOGIN, Places, service_url
from adapters.embedded.probes import http_answers
from adapters.embedded.secret import secret
from adapters.embedded.stack import Options, Stack
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.engine import connect
from adapters.postgres.schema import create_login, migrate
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import connect as connect_temporal
from adapters.temporal.client import polled
from application.ports.records import StoredFlag, Tenant
from application.tenants import Tenants
from domain.environments import Environment
from domain.people import Actor, Role

PEOPLE = {"ada": Role.CONFIG_MANAGER, "bob": Role.APPROVER, "cyd": Role.APPROVER}


@dataclass
class House:
    stack: Stack
    environment: Mapping[str, str]
    engine: AsyncEngine
    store: PostgresStore
    tenant: Tenant
    people: dict[str, Actor]
    issuer: EmbeddedIssuer

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.stack.port('api')}"

    def token(self, handle: str) -> str:
        return self.issuer.mint(handle, timedelta(hours=1))

    async def serve(
        self, name: str, target: str, *, factory: bool = False, ready: str = "/", http: str = "httptools"
    ) -> int:
        """An ASGI application under the same uvicorn, one process; returns its port."""
        port = self.stack.port(name)
        command = [sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--no-access-log", "--log-level", "warning", "--http", http]
        command += ["--factory"] if factory else []
        await self.stack.spawn(name, command, self.environment, ready=lambda: http_answers(port, ready))
        return port

    async def worker(self) -> None:
        client = await connect_temporal(self.stack.endpoints.temporal_address)
        await self.stack.spawn(
            "worker", [sys.executable, "-m", "worker"], self.environment, ready=lambda: polled(client), grace=25.0
        )

    async def put(self, flags: Mapping[str, Any]) -> None:
        async with self.store.transaction(self.tenant.id) as tx:
            for key, definition in flags.items():
                flag = StoredFlag(Environment.PRODUCTION, key, 1, definition, "benchmark", None, tx.now)
                await tx.flags.put(flag, expected=0)


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with Stack(Path(folder), Options()) as stack:
            password = secret(stack.folder, "service")
            owner = stack.endpoints.database_superuser_url
            await migrate(owner)
            await create_login(owner, LOGIN, password)
            engine = connect(service_url(owner, password))
            store = PostgresStore(engine)
            tenants = Tenants(store)
            tenant = await tenants.admit_tenant("bench", "Benchmarks")
            issuer = EmbeddedIssuer(stack.folder / "keys")
            people = {
                handle: (
                    await tenants.admit_principal(tenant, handle, frozenset({role}), issuer=issuer.config().issuer)
                ).actor
                for handle, role in PEOPLE.items()
            }
            environment = Places.of(stack, stack.port("api"), password, None).environment
            yield House(stack, environment, engine, store, tenant, people, issuer)
            await engine.dispose()


async def output_of(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    return told.decode()
