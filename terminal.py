"""The terminal's half of the composition: each command loads what it uses, so that asking an API is quick."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from application.ports.installation import Newcomer, Running
from cli.app import build
from domain.people import Principal

if TYPE_CHECKING:
    from adapters.postgres.store import PostgresStore
    from application.settings.rotation import Rotation


class EmbeddedInstallation:
    """Answers `application.ports.installation.Installation` with the servers of one data folder.

    `database` is that of servers that somebody else runs; people are admitted there instead. `heard` is called before
    a server is reached or started: from then on there is something to log.
    """

    def __init__(self, folder: Path, database: str | None = None, heard: Callable[[], None] = lambda: None) -> None:
        self.folder = folder.absolute()
        self._database = database
        self._heard = heard

    @property
    def api_url(self) -> str:
        return f"http://{self._address('api')}"

    @property
    def temporal_address(self) -> str:
        return self._address("temporal")

    @property
    def database_url(self) -> str:
        from adapters.embedded.places import owner_url

        return owner_url(self.folder)

    def _address(self, server: str) -> str:
        from adapters.embedded.ports import LOOPBACK, Ports

        return f"{LOOPBACK}:{Ports(self.folder).remembered(server)}"

    @asynccontextmanager
    async def start(
        self, *, demo: bool = False, port: int | None = None, scrapes: tuple[str, ...] = ()
    ) -> AsyncIterator[Running]:
        from adapters.embedded.installation import started

        self._heard()
        ports = {"api": port} if port is not None else {}
        async with started(self.folder, _provision, _polled, demo=demo, ports=ports, scrapes=scrapes) as running:
            yield running

    def mint(self, subject: str, ttl: timedelta) -> str:
        from adapters.identity.issuer import EmbeddedIssuer

        return EmbeddedIssuer(self.folder / "keys").mint(subject, ttl)

    async def migrate(self) -> None:
        from adapters.postgres.entry import entering
        from adapters.postgres.schema import migrate
        from adapters.settings import Settings

        self._heard()
        owner = Settings.read().owner_database_url
        if owner is None:
            raise SystemExit("CHANGEGATE_OWNER_DATABASE_URL names the login that migrates; it is not set.")
        with entering("CHANGEGATE_OWNER_DATABASE_URL"):
            await migrate(owner.get_secret_value())

    async def admit(self, tenant: str, name: str, people: Sequence[Newcomer], *, own: bool = False) -> list[Principal]:
        from adapters.identity.issuer import ISSUER
        from application.tenants import Tenants

        async with self._store(own=own) as store:
            tenants = Tenants(store)
            home = await tenants.admit_tenant(tenant, name)
            return [await tenants.admit(home, each, ISSUER) for each in people]

    @asynccontextmanager
    async def rotation(self) -> "AsyncIterator[Rotation]":
        from adapters.crypto import folder_ring, key_ring
        from adapters.settings import Settings
        from application.settings.rotation import Rotation

        ring = folder_ring(self.folder / "keys") if self._database is None else key_ring(Settings.read())
        async with self._store() as store:
            yield Rotation(store, ring)

    async def work(self) -> NoReturn:
        given: dict[str, str] = {}
        if self._database is None:
            from adapters.embedded.places import Places

            given = Places.remembered(self.folder).environment
        words = [sys.executable, "-m", "worker"]
        os.execve(sys.executable, words, {**os.environ, **given})  # noqa: S606 -- our own program, and no shell

    @asynccontextmanager
    async def _store(self, *, own: bool = False) -> "AsyncIterator[PostgresStore]":
        from adapters.embedded.places import login_url
        from adapters.postgres.engine import connect
        from adapters.postgres.entry import entering
        from adapters.postgres.store import PostgresStore

        self._heard()
        url, door = self._database, "CHANGEGATE_DATABASE_URL"
        if own or url is None:
            url, door = login_url(self.folder), str(self.folder)
        engine = connect(url, pool_size=1)
        try:
            with entering(door):
                yield PostgresStore(engine)
        finally:
            await engine.dispose()

    async def skip_time(self, temporal_address: str, workflow_id: str, by: timedelta) -> bool:
        from adapters.temporal.client import connect
        from adapters.temporal.clock import skip

        return await skip(await connect(temporal_address), workflow_id, by)


async def _polled(temporal_address: str) -> bool:
    from adapters.temporal.client import connect, polled

    return await polled(await connect(temporal_address))


async def _provision(owner_url: str, login: str, password: str) -> None:
    from adapters.postgres.schema import create_login, migrate

    await migrate(owner_url)
    await create_login(owner_url, login, password)


def _listen() -> None:
    from adapters.logs import configure
    from adapters.settings import Terminal

    configure("console", Terminal.read().log_level)


def main() -> None:
    """The `changegate` command; CHANGEGATE_DATA names the data folder (default `.changegate`)."""
    folder = Path(os.environ.get("CHANGEGATE_DATA", ".changegate"))
    build(EmbeddedInstallation(folder, os.environ.get("CHANGEGATE_DATABASE_URL") or None, _listen))()


if __name__ == "__main__":
    main()
