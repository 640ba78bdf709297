"""One data folder holds a whole installation: servers, schema, keys, API and worker, started with one command."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.child import State
from adapters.embedded.places import LOGIN, Places
from adapters.embedded.ports import LOOPBACK
from adapters.embedded.probes import http_answers
from adapters.embedded.prometheus import Scrape
from adapters.embedded.secret import secret
from adapters.embedded.stack import Options, Stack

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

    async def spawn(self, name: str, *command: str, **environment: str) -> None:
        await self.stack.spawn(name, [sys.executable, *command], environment)

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
        environment = Places.of(stack, api_port, password, prometheus).environment
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
            {**environment, "CHANGEGATE_FLAGD_PORT": str(stack.port("flagd"))},
            ready=lambda: http_answers(api_port, "/readyz"),
        )  # fmt: skip
        yield RunningStack(stack, api_port, prometheus)
