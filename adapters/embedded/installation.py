"""One data folder holds a whole installation: servers, schema, keys, API and worker, started with one command."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from adapters.embedded.child import State
from adapters.embedded.ports import LOOPBACK, Ports
from adapters.embedded.postgres import Postgres
from adapters.embedded.probes import http_answers
from adapters.embedded.prometheus import Scrape
from adapters.embedded.secret import secret
from adapters.embedded.stack import Options, Stack

LOGIN = "changegate_service"

WorkerReady = Callable[[str], Awaitable[bool]]
"""Given Temporal's address: whether a worker waits for work there."""
Provision = Callable[[str, str, str], Awaitable[None]]
"""Given the owner's database address, a login's name and its password: bring the schema up and let the login in."""


@dataclass(frozen=True)
class RunningStack:
    """Answers `application.ports.installation.Running`."""

    stack: Stack
    api_port: int
    prometheus: str | None

    @property
    def api(self) -> str:
        return f"http://{LOOPBACK}:{self.api_port}"

    @property
    def temporal_address(self) -> str:
        return self.stack.endpoints.temporal_address

    @property
    def notices(self) -> tuple[str, ...]:
        return self.stack.notices

    def port(self, name: str) -> int:
        return self.stack.port(name)

    async def spawn(self, name: str, *command: str) -> None:
        await self.stack.spawn(name, [sys.executable, *command])

    async def trouble(self) -> str:
        while True:
            failed = [child.name for child in self.stack.children.values() if child.state is State.FAILED]
            if failed:
                return f"{', '.join(failed)} died and did not come back; see {self.stack.folder / 'logs'}."
            await asyncio.sleep(0.5)


@asynccontextmanager
async def started(
    folder: Path,
    provision: Provision,
    worker_ready: WorkerReady,
    *,
    demo: bool = False,
    ports: dict[str, int] | None = None,
    scrapes: tuple[str, ...] = (),
) -> AsyncIterator[RunningStack]:
    """Servers, then schema, then worker and API; `demo` lets the time of a workflow be moved.

    `scrapes` names processes whose metrics Prometheus collects, where this machine has one.
    """
    async with Stack(folder, Options(time_skipping=demo, ports=ports or {})) as stack:
        password = secret(stack.folder, "service")
        await provision(stack.endpoints.database_superuser_url, LOGIN, password)
        api_port = stack.port("api")
        targets = [Scrape(name, f"{LOOPBACK}:{stack.port(name)}") for name in scrapes]
        prometheus = await stack.watch(targets) if targets else None
        environment = environment_of(stack, api_port, password, prometheus)
        await stack.spawn(
            "worker",
            [sys.executable, "-m", "worker"],
            environment,
            ready=lambda: worker_ready(stack.endpoints.temporal_address),
            grace=25.0,
        )
        api = [sys.executable, "-m", "uvicorn", "bootstrap:api", "--factory", "--http", "api.corked:Protocol",
               "--host", LOOPBACK]  # fmt: skip
        await stack.spawn(
            "api",
            [*api, "--port", str(api_port), "--no-access-log", "--log-level", "warning",
             "--timeout-graceful-shutdown", "10", "--no-server-header"],
            environment,
            ready=lambda: http_answers(api_port, "/readyz"),
        )  # fmt: skip
        yield RunningStack(stack, api_port, prometheus)


def environment_of(stack: Stack, api_port: int, password: str, prometheus: str | None) -> dict[str, str]:
    """The settings with which API and worker find these servers."""
    ends = stack.endpoints
    optional = {"CHANGEGATE_PROMETHEUS_URL": prometheus, "CHANGEGATE_VALKEY_URL": ends.valkey_url}
    # What the shell says of another Temporal, or of keys elsewhere, is not meant for this one: empty is unset.
    elsewhere = ("CHANGEGATE_TEMPORAL_", "CHANGEGATE_VAULT_", "CHANGEGATE_KEY_")
    foreign = {name: "" for name in os.environ if name.startswith(elsewhere)}
    return {
        **foreign,
        "CHANGEGATE_DATABASE_URL": service_url(ends.database_superuser_url, password),
        "CHANGEGATE_TEMPORAL_ADDRESS": ends.temporal_address,
        "CHANGEGATE_TEMPORAL_UI": ends.temporal_ui_url,
        "CHANGEGATE_PUBLIC_URL": f"http://{LOOPBACK}:{api_port}",
        "CHANGEGATE_KEYS": str(stack.folder / "keys"),
        "CHANGEGATE_EMBEDDED_ISSUER": "true",
        **{name: value for name, value in optional.items() if value is not None},
    }


def service_url(owner_url: str, password: str) -> str:
    """The product's own login at the same server and database."""
    owner = urlsplit(owner_url)
    return f"postgresql://{LOGIN}:{quote(password, safe='')}@{owner.netloc.rpartition('@')[2]}{owner.path}"


def login_url(folder: Path) -> str:
    """The product's login at the server that runs on this folder."""
    return service_url(owner_url(folder), secret(folder, "service"))


def owner_url(folder: Path) -> str:
    """Whoever owns the server that runs on this folder; raises `NeverStarted` when there was none."""
    return Postgres(folder, Ports(folder).remembered("postgres")).superuser_url
