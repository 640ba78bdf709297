"""Where flagd's sync protocol is served is a setting."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SyncDoor:
    """With `cert` and `key`, PEM files, over TLS. Port 0 is any that is free."""

    port: int
    host: str = "127.0.0.1"
    cert: Path | None = None
    key: Path | None = None
