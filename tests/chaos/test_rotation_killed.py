"""A rotation that is killed between any two statements leaves every secret readable, and the next one goes on."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.embedded.stack import Stack
from adapters.postgres.engine import connect
from adapters.postgres.schema import migrate
from adapters.postgres.store import PostgresStore
from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Place, Secret
from application.settings.rotation import Rotation
from application.tenants import Tenants
from domain.environments import Environment
from tests.chaos.conftest import ROOT

TEXTS = [f"secret number {number}" for number in range(5)]
LEAST_POINTS = 15


@dataclass
class Vault:
    """Some secrets of one tenant, sealed under the folder's keys."""

    tenant: UUID
    store: PostgresStore
    folder: Path

    @property
    def ring(self) -> FileKeyRing:
        return FileKeyRing(self.folder)

    def place(self, number: int) -> Place:
        return Place(self.tenant, Environment.DEV, "pay.token", "", number + 1)

    async def fill(self) -> list[str]:
        sealer, kept = EnvelopeSealer(self.ring), []
        async with self.store.transaction(self.tenant) as tx:
            for number, text in enumerate(TEXTS):
                body, wrapped = sealer.parted(await sealer.seal(Secret(text), self.place(number).aad()))
                await tx.sealed_keys.add(SealedKey(sealer.named(body), wrapped))
                kept.append(body)
        return kept

    async def read(self, kept: list[str]) -> list[str]:
        sealer, found = EnvelopeSealer(self.ring), []
        async with self.store.transaction(self.tenant) as tx:
            for number, body in enumerate(kept):
                key = await tx.sealed_keys.get(sealer.named(body))
                assert key is not None
                secret = await sealer.open(sealer.joined(body, key.wrapped), self.place(number).aad())
                found.append(secret.reveal())
        return found

    async def under(self) -> dict[str, int]:
        return {each.kek: each.found for each in await self.store.sealed_keys() if each.tenant == self.tenant}

    def retire(self, under: dict[str, int]) -> None:
        """What nothing is under can go."""
        for file in self.folder.glob("*.key"):
            if file.stem not in under:
                file.unlink()


@dataclass
class Orders:
    process: asyncio.subprocess.Process
    folder: Path

    async def life(self, die_at: int | None) -> tuple[int, list[str]]:
        """How it exited, and the points that it passed."""
        passed = self.folder / f"passed-{secrets.token_hex(4)}"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"die_at": die_at, "passed": str(passed)}).encode() + b"\n")
        await self.process.stdin.drain()
        code = int(await self.process.stdout.readline())
        return code, passed.read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ring"


@pytest_asyncio.fixture
async def url(stack: Stack, database_url: str) -> AsyncIterator[str]:
    """A database of its own: in that of the other tests every secret would be looked at, for each of many lives."""
    name = f"rotation_{secrets.token_hex(4)}"
    whole = stack.endpoints.database_superuser_url
    server = await asyncpg.connect(whole)
    await server.execute(f"CREATE DATABASE {name}")
    await migrate(urlunsplit(urlsplit(whole)._replace(path=f"/{name}")))
    yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest_asyncio.fixture
async def vault(url: str, folder: Path) -> AsyncIterator[Vault]:
    engine = connect(url)
    store = PostgresStore(engine)
    tenant = await Tenants(store).admit_tenant(f"t-{secrets.token_hex(6)}", "A house of secrets")
    yield Vault(tenant.id, store, folder)
    await engine.dispose()


@pytest.fixture
async def orders(folder: Path, tmp_path: Path, url: str) -> AsyncIterator[Orders]:
    here = {**os.environ, "CHANGEGATE_DATABASE_URL": url, "CHANGEGATE_KEY_FOLDER": str(folder)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.doomed_rotation", cwd=ROOT, env=here, stdin=pipe, stdout=pipe
    )
    yield Orders(process, tmp_path)
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 60)


@pytest.mark.req("ST80")
async def test_no_kill_loses_a_secret(orders: Orders, vault: Vault) -> None:
    kept = await vault.fill()
    await vault.ring.grow()
    code, points = await orders.life(None)
    assert (code, await vault.under()) == (0, {"0002": len(TEXTS)})
    assert len(points) >= LEAST_POINTS
    halfway = 0
    for number in range(1, len(points) + 1):
        made = await vault.ring.grow()
        code, _ = await orders.life(number)
        assert code == -signal.SIGKILL
        assert await vault.read(kept) == TEXTS
        after_kill = await vault.under()
        halfway += len(after_kill) > 1
        if number % 3 == 0:  # else the next life finds keys of two generations
            assert (await orders.life(None))[0] == 0
            assert await vault.under() == {made: len(TEXTS)}
    assert halfway > 0
    assert (await orders.life(None))[0] == 0
    assert await vault.read(kept) == TEXTS
    under = await vault.under()
    assert list(under.values()) == [len(TEXTS)]
    vault.retire(under)
    assert await vault.read(kept) == TEXTS


@pytest.mark.req("ST80")
async def test_two_at_once_do_no_harm(orders: Orders, vault: Vault) -> None:
    kept = await vault.fill()
    for _ in range(3):
        made = await vault.ring.grow()
        mine = Rotation(vault.store, vault.ring, batch=1).rotate("because")
        (code, _), done, another = await asyncio.gather(
            orders.life(None), mine, Rotation(vault.store, vault.ring, batch=3).rotate("because")
        )
        assert (code, done.primary, another.primary) == (0, made, made)
        assert await vault.under() == {made: len(TEXTS)}
        assert await vault.read(kept) == TEXTS
