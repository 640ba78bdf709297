"""A line to Temporal says where the frontend is, and proves who we are without ever showing the proof."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from temporalio.service import TLSConfig

from adapters.settings import Settings


@dataclass(frozen=True)
class Line:
    """`tls` and `api_key` hold secrets, so that neither is part of what is printed or logged."""

    address: str
    namespace: str = "default"
    tls: TLSConfig | bool = field(default=False, repr=False)
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The line that the settings describe; OSError when a file that they name cannot be read."""
        key = settings.temporal_api_key
        return cls(
            settings.temporal_address,
            settings.temporal_namespace,
            _tls(settings),
            key.get_secret_value() if key is not None else None,
        )


def _tls(settings: Settings) -> TLSConfig | bool:
    """An API key or a certificate is never sent in the clear, even if nobody asked for TLS."""
    authority = _read(settings.temporal_server_ca)
    certificate, key = _read(settings.temporal_client_cert), _read(settings.temporal_client_key)
    if authority is not None or certificate is not None:
        return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)
    return settings.temporal_tls or settings.temporal_api_key is not None


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path is not None else None
