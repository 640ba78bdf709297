"""An API that somebody else runs, and the commands of a terminal that knows it by its address alone."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore
from cli.app import build as commands
from cli.console import UNBOUNDED
from terminal import EmbeddedInstallation
from tests.api.conftest import build, served
from tests.conftest import ISSUER, House

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
Say = Callable[..., Awaitable[tuple[int, str]]]
PATIENCE = 60
"""Seconds for one answer: as slow as a busy machine may be."""


@dataclass(frozen=True)
class Provider:
    """Signs tokens that the API at `address` believes; the terminal has nothing of it but the tokens."""

    issuer: EmbeddedIssuer
    address: str

    def environment(self, house: House, handle: str) -> dict[str, str]:
        token = self.issuer.mint(handle)
        return {
            "CHANGEGATE_API_URL": self.address, "CHANGEGATE_TENANT": house.tenant.slug, "CHANGEGATE_TOKEN": token,
            "CHANGEGATE_TEMPORAL_ADDRESS": "temporal.example.com:7233", "CHANGEGATE_TEMPORAL_NAMESPACE": "gates",
        }  # fmt: skip

    def as_root(self, house: House) -> httpx2.AsyncClient:
        """As root, who writes what was not there before."""
        headers = {"Authorization": f"Bearer {self.issuer.mint('root')}", "Changegate-Tenant": house.tenant.slug,
                   "If-Match": '"v0"'}  # fmt: skip
        return httpx2.AsyncClient(base_url=f"{self.address}/api/v1", headers=headers, timeout=PATIENCE, trust_env=False)


@pytest_asyncio.fixture(scope="session", name="provider")
async def offered(store: PostgresStore, database_url: str, data_folder: Path) -> AsyncIterator[Provider]:
    """A real API behind a real uvicorn; only Temporal is a twin, through which votes really count."""
    issuer = EmbeddedIssuer(data_folder / "provider", issuer=ISSUER)
    world = build(store, Listener(database_url), issuer, data_folder)
    async with served(world.app) as address:
        yield Provider(issuer, address)


@pytest.fixture(name="say")
def typed(provider: Provider, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs the command as this person; its exit code and its words. A process for each would cost seconds."""
    app = commands(EmbeddedInstallation(tmp_path))

    def run(words: tuple[str, ...]) -> tuple[int, str]:
        with redirect_stdout(io.StringIO()) as out:
            try:
                app(words)
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        lines = out.getvalue().splitlines(keepends=True)  # the API is in this process, and logs to the same place
        return code, "".join(line for line in lines if not LOGGED.match(line))

    async def said(handle: str, *words: str) -> tuple[int, str]:
        for name, value in {**provider.environment(house, handle), "COLUMNS": str(UNBOUNDED)}.items():
            monkeypatch.setenv(name, value)
        return await asyncio.to_thread(run, words)

    return said
