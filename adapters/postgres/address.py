"""An address says where PostgreSQL is, who logs in, and what must be proven before a password is sent."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SETTING = "CHANGEGATE_DATABASE_URL"
_DRIVER = "postgresql+asyncpg"
_SCHEMES = {"postgres", "postgresql", _DRIVER}
_FILES = ("sslrootcert", "sslcert", "sslkey")
_TLS = ("sslmode", "ssl", *_FILES)
_OTHERS = (
    *("host", "port", "passfile", "service", "target_session_attrs", "krbsrvname", "gsslib"),
    "prepared_statement_cache_size",
)
_UNPROVEN = {"disable": False, "prefer": "prefer"}
_PROVEN = ("require", "verify-ca", "verify-full")
_SYSTEM = "system"


@dataclass(frozen=True)
class Address:
    """`url` is for SQLAlchemy and `tls` for asyncpg beneath it; neither is printed, for the one holds the password."""

    url: URL = field(repr=False)
    tls: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, text: str, setting: str = SETTING) -> Self:
        """Reads libpq's own parameters from the address that `setting` names.

        sslmode, sslrootcert, sslcert and sslkey are those of PostgreSQL 18, section 32.1.2, but what proves nothing is
        refused: files without a mode that uses them, and authorities who sign for anybody without the server's name.
        SystemExit with one sentence, which never shows the password.
        """
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            url = URL.create("unreadable")
        if url.drivername not in _SCHEMES:
            raise SystemExit(f"{setting} is no address such as postgresql://login:password@host:5432/database.")
        for name in url.query:
            if name not in {*_TLS, *_OTHERS}:
                known = ", ".join(sorted({*_TLS, *_OTHERS} - {"ssl"}))
                raise SystemExit(f"{setting} has the parameter {name}; only these have a meaning: {known}.")
        words = {name: _last(url.query[name]) for name in _TLS if name in url.query}
        return cls(url.difference_update_query(_TLS).set(drivername=_DRIVER), _tls(setting, words))

    def arguments(self) -> dict[str, Any]:
        """What asyncpg is given for a connection that SQLAlchemy does not make."""
        _, words = self.url.get_dialect()().create_connect_args(self.url)
        words.pop("prepared_statement_cache_size", None)  # SQLAlchemy's own
        return {**words, **self.tls}


def _last(values: str | tuple[str, ...]) -> str:
    return values if isinstance(values, str) else values[-1]


def _tls(setting: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Nothing when the address says nothing: asyncpg then encrypts if the server can, and asks for no proof."""
    mode = words.get("sslmode", words.get("ssl"))  # `ssl` is how SQLAlchemy spells it, and `true` how Java does
    mode = "require" if mode == "true" else mode
    if mode in _PROVEN:
        return {"ssl": _context(setting, mode, words)}
    if mode not in {None, *_UNPROVEN}:
        raise SystemExit(f"{setting} has an sslmode that is none of {', '.join((*_UNPROVEN, *_PROVEN))}.")
    for name in _FILES:
        if name in words:
            raise SystemExit(f"{setting} has {name}, which needs an sslmode that is one of {', '.join(_PROVEN)}.")
    return {} if mode is None else {"ssl": _UNPROVEN[mode]}


def _context(setting: str, mode: str, words: Mapping[str, str]) -> ssl.SSLContext:
    """`require` with an authority is `verify-ca`, as it is for libpq."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = mode == "verify-full"
    root = words.get("sslrootcert")
    if root not in {None, _SYSTEM}:
        _trust(context, setting, root)
    elif mode == "verify-full":
        context.load_default_certs()
    elif mode == "verify-ca" or root == _SYSTEM:
        raise SystemExit(
            f"{setting} has sslmode={mode} with the authorities of the system, who sign for anybody: "
            "name your own in sslrootcert, or set sslmode=verify-full."
        )
    else:
        context.verify_mode = ssl.CERT_NONE
    _show(context, setting, words.get("sslcert"), words.get("sslkey"))
    return context


def _trust(context: ssl.SSLContext, setting: str, root: str) -> None:
    _read(setting, "sslrootcert", root)
    try:
        context.load_verify_locations(root)
    except ssl.SSLError:
        raise SystemExit(f"{setting} names {root} as sslrootcert, which is no file of certificates in PEM.") from None


def _show(context: ssl.SSLContext, setting: str, certificate: str | None, key: str | None) -> None:
    """A certificate without `sslkey` has its key in the same file."""
    if certificate is None:
        if key is not None:
            raise SystemExit(f"{setting} has sslkey without sslcert; they go together.")
        return
    _read(setting, "sslcert", certificate)
    if key is not None:
        _read(setting, "sslkey", key)
    try:
        context.load_cert_chain(certificate, key, password="")  # or an encrypted key would ask the terminal
    except ssl.SSLError:
        raise SystemExit(
            f"{setting} names {certificate} as sslcert and {key or 'the same file'} as sslkey, "
            "which are not a certificate and its own private key, both in PEM and the key not encrypted."
        ) from None


def _read(setting: str, name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise SystemExit(f"{setting} names {path} as {name}, which cannot be read: {error.strerror}.") from None
