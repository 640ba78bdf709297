"""PostgreSQL, Temporal and Valkey run together on one data folder, and nothing of them runs without us."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from adapters.embedded.child import Child, Death
from adapters.embedded.lock import FolderLock
from adapters.embedded.orphans import Register
from adapters.embedded.ports import Ports
from adapters.embedded.postgres import Postgres
from adapters.embedded.program import Program, at_once
from adapters.embedded.prometheus import Prometheus, Scrape, find_prometheus
from adapters.embedded.signals import OrderlyTermination
from adapters.embedded.spawn import Watch
from adapters.embedded.temporal import Temporal
from adapters.embedded.valkey import Valkey, find_valkey

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Options:
    """`ports` are asked for by name (postgres, temporal, temporal-ui, temporal-metrics, valkey, prometheus, ...).

    `durable=False` and `time_skipping=True` are for tests and demonstrations; `watch` is for tests of the watcher.
    """

    durable: bool = True
    time_skipping: bool = False
    valkey: bool = True
    ports: Mapping[str, int] = field(default_factory=dict)
    watch: Watch | None = None


@dataclass(frozen=True)
class Endpoints:
    """Where the servers answer. The database's address holds the superuser's password: it is not for logs."""

    database_superuser_url: str = field(repr=False)
    temporal_address: str
    temporal_ui_url: str
    temporal_metrics_url: str
    valkey_url: str | None = field(repr=False)


class Stack:
    """`async with Stack(folder, options) as stack`: inside, every server is ready; after it, no child is left.

    Raises `AlreadyRunning`, `PortTaken`, `ProgramMissing` or `ServerDidNotStart` on entering.
    """

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        self.folder = folder.absolute()
        self.options = options or Options()
        self.children: dict[str, Child] = {}
        self.deaths: list[Death] = []
        self._exits = AsyncExitStack()
        self._ports: Ports | None = None
        self._endpoints: Endpoints | None = None

    @property
    def endpoints(self) -> Endpoints:
        if self._endpoints is None:
            raise RuntimeError("the stack is not entered")
        return self._endpoints

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the person who started this, such as that an address changed."""
        return tuple(self._ports.notices) if self._ports else ()

    def port(self, name: str) -> int:
        """The loopback port of a process that the caller starts itself: asked for, remembered, or chosen."""
        if self._ports is None:
            raise RuntimeError("the stack is not entered")
        return self._ports.take(name)

    async def __aenter__(self) -> Self:
        # Root's PostgreSQL runs as somebody else, who must pass through this folder; secrets and logs stay closed.
        self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        try:
            self._exits.enter_context(OrderlyTermination())
            self._exits.enter_context(FolderLock(self.folder))
            await Register(self.folder).reap()
            self._ports = Ports(self.folder, self.options.ports)
            self._endpoints = await self._start_servers()
        except BaseException as error:
            await self._exits.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.__aexit__(kind, error, trace)

    async def spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        ready: Callable[[], Awaitable[bool]] = at_once,
        grace: float = 15.0,
    ) -> Child:
        """Start a process of ours beside the servers, with this environment and `env`; it stops before them."""
        program = Program(name, tuple(argv), {**os.environ, **(env or {})}, ready=ready, grace=grace)
        return await self._start(self._adopt(program))

    async def watch(self, scrapes: Sequence[Scrape]) -> str | None:
        """Start Prometheus on these targets and return its address; None when the machine has no Prometheus."""
        binary = find_prometheus()
        if binary is None:
            log.info("prometheus_missing", consequence="no metric is stored; install prometheus to measure rollouts")
            return None
        prometheus = Prometheus(self.folder, self.port("prometheus"), binary, tuple(scrapes))
        await self._start(self._adopt(prometheus.program()))
        return prometheus.url

    async def _start_servers(self) -> Endpoints:
        postgres = Postgres(self.folder, self.port("postgres"), durable=self.options.durable)
        temporal = Temporal(
            self.folder,
            self.port("temporal"),
            self.port("temporal-ui"),
            self.port("temporal-http"),
            self.port("temporal-metrics"),
            time_skipping=self.options.time_skipping,
        )
        valkey = self._valkey()
        # Adopted in this order, so stopped in the reverse of it, however long each takes to start.
        children = [self._adopt(postgres.program()), self._adopt(temporal.program())]
        if valkey is not None:
            children.append(self._adopt(valkey.program()))
        try:
            async with asyncio.TaskGroup() as group:
                for child in children:
                    group.create_task(self._start(child))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return Endpoints(
            postgres.superuser_url,
            temporal.address,
            temporal.ui_url,
            temporal.metrics_url,
            valkey.url if valkey else None,
        )

    def _valkey(self) -> Valkey | None:
        binary = find_valkey() if self.options.valkey else None
        if binary is None:
            log.info("valkey_missing", consequence="each process keeps its own cache; everything else works")
            return None
        return Valkey(self.folder, self.port("valkey"), binary)

    def _adopt(self, program: Program) -> Child:
        if program.name in self.children:
            raise ValueError(f"there is a child named {program.name} already")
        child = Child(program, self.folder, watch=self.options.watch, on_death=self.deaths.append)
        self.children[program.name] = child
        self._exits.push_async_callback(child.stop)
        return child

    async def _start(self, child: Child) -> Child:
        await child.start()
        return child
