"""Every ring of keys with its sealer, and what a test may arrange around it.

Vault's side is `tests.contract.vault`: a real HTTP server with the answers of the transit API, not Vault itself.
"""

import secrets
from pathlib import Path
from typing import Protocol
from uuid import UUID

from adapters.crypto.combined import CombinedKeyRing
from adapters.crypto.envelope import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.crypto.vault import Transit, VaultTransitKeyRing
from adapters.memory.secrets import MemoryKeyRing, MemorySealer
from application.ports.secrets import KeyRing, Place, Sealer
from domain.environments import Environment
from tests.contract.vault import TOKEN, TransitServer

KEY = bytes(range(32))
CANARY = "canary-e0c5-Passw0rd!"
PLACE = Place(UUID(int=1), Environment.PRODUCTION, "mail.password", "company:de", 3)


class World(Protocol):
    """What a test may arrange, whatever the ring."""

    ring: KeyRing
    sealer: Sealer

    async def rotate(self) -> None: ...
    def fail(self) -> None: ...
    def close(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.memory = MemoryKeyRing()
        self.ring: KeyRing = self.memory
        self.sealer: Sealer = MemorySealer(self.memory)

    async def rotate(self) -> None:
        self.memory.rotate()

    def fail(self) -> None:
        self.memory.down = True

    def close(self) -> None:
        pass


class FileWorld:
    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "keys" / "ring"
        self.files = FileKeyRing(self.folder)
        self.ring: KeyRing = self.files
        self.sealer: Sealer = EnvelopeSealer(self.ring)

    async def rotate(self) -> None:
        await self.files.primary()
        await self.files.grow()

    def fail(self) -> None:
        if self.folder.exists():
            self.folder.rename(self.folder.with_name("away"))
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.write_text("a file where the folder was")

    def close(self) -> None:
        pass


class CombinedWorld:
    """Keys are moving from a folder to Vault: what the folder's key wrapped before still opens."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = FileWorld(tmp_path)
        self.vault = VaultWorld(tmp_path)
        self.ring: KeyRing = CombinedKeyRing(self.vault.ring, self.folder.ring)
        self.sealer: Sealer = EnvelopeSealer(self.ring)

    async def rotate(self) -> None:
        await self.vault.rotate()

    def fail(self) -> None:
        self.folder.fail()
        self.vault.fail()

    def close(self) -> None:
        self.vault.close()


class VaultWorld:
    def __init__(self, tmp_path: Path) -> None:
        self.server = TransitServer()
        self.server.__enter__()
        self.token = tmp_path / "token"
        self.token.write_text(TOKEN + "\n")
        self.ring: KeyRing = VaultTransitKeyRing(Transit(self.server.url, self.token, "changegate", seconds=2))
        self.sealer: Sealer = EnvelopeSealer(self.ring)

    async def rotate(self) -> None:
        self.server.keys["changegate"].versions.append(secrets.token_bytes(32))
        self.server.keys["changegate-fingerprint"].versions.append(secrets.token_bytes(32))

    def fail(self) -> None:
        self.server.stop()

    def close(self) -> None:
        assert isinstance(self.ring, VaultTransitKeyRing)
        self.ring.close()
        self.server.stop()
