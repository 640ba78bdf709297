"""Where flagd's sync protocol is served is a setting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class SyncDoor:
    """With `cert` and `key`, PEM files, over TLS. Port 0 is any that is free."""

    port: int
    host: str = "127.0.0.1"
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def at(cls, port: int | None, host: str, cert: Path | None, key: Path | None) -> Self | None:
        """None without a port."""
        return None if port is None else cls(port, host, cert, key)
