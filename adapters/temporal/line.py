"""A line to Temporal says where the frontend is, and proves who we are without ever showing the proof."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from temporalio.service import TLSConfig

from adapters.settings import Settings

_CA = "CHANGEGATE_TEMPORAL_SERVER_CA"
_CERTIFICATE = "CHANGEGATE_TEMPORAL_CLIENT_CERT"
_KEY = "CHANGEGATE_TEMPORAL_CLIENT_KEY"


@dataclass(frozen=True)
class Line:
    """`tls` and `api_key` hold secrets, so that neither is part of what is printed or logged."""

    address: str
    namespace: str = "default"
    tls: TLSConfig | bool = field(default=False, repr=False)
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The line that the settings describe; SystemExit with a sentence when a file that they name is of no use."""
        key = settings.temporal_api_key
        return cls(
            settings.temporal_address,
            settings.temporal_namespace,
            _tls(settings),
            key.get_secret_value() if key is not None else None,
        )


def _tls(settings: Settings) -> TLSConfig | bool:
    """An API key or a certificate is never sent in the clear, even if nobody asked for TLS."""
    ca, certificate, key = settings.temporal_server_ca, settings.temporal_client_cert, settings.temporal_client_key
    if ca is None and certificate is None:
        return settings.temporal_tls or settings.temporal_api_key is not None
    config = TLSConfig(
        server_root_ca_cert=_read(_CA, ca),
        client_cert=_read(_CERTIFICATE, certificate),
        client_private_key=_read(_KEY, key),
    )
    _check(ca, certificate, key)
    return config


def _read(setting: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise SystemExit(f"{setting} names {path}, which cannot be read: {error.strerror}.") from error


def _check(ca: Path | None, certificate: Path | None, key: Path | None) -> None:
    """Asked of OpenSSL now: Temporal's client takes any bytes, and is then refused at every call."""
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca is not None:
            trial.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise SystemExit(f"{_CA} names {ca}, which is no file of certificates in PEM.") from error
    try:
        if certificate is not None:
            trial.load_cert_chain(certificate, key, password="")  # or an encrypted key would ask the terminal
    except ssl.SSLError as error:
        raise SystemExit(
            f"{_CERTIFICATE} names {certificate} and {_KEY} names {key}, "
            "which are not a certificate and its own private key, both in PEM and the key not encrypted."
        ) from error
