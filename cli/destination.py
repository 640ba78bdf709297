"""A command goes to one API in one person's name, and its token is never read by anybody between."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx2

from application.ports.installation import Installation

MINUTES: Final = timedelta(minutes=10)
MOST_PORTS: Final = 65_535
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1; anything else would break the header


class NotSent(Exception):
    """The API was not asked."""

    def __init__(self, **facts: object) -> None:
        super().__init__((type(self).__doc__ or "").format(**facts))


class NobodyNamed(NotSent):
    """Say who you are: by a token in CHANGEGATE_TOKEN or CHANGEGATE_TOKEN_FILE, or by --as with the embedded issuer."""


class NamedTwice(NotSent):
    """The token in {variable} says who you are already; leave --as out, or unset {variable}."""


class TokenGivenTwice(NotSent):
    """CHANGEGATE_TOKEN and CHANGEGATE_TOKEN_FILE are both set; set one of them."""


class TokenUnreadable(NotSent):
    """The file that CHANGEGATE_TOKEN_FILE names cannot be read: {why}."""


class TokenMalformed(NotSent):
    """{variable} holds no access token: one word of letters, digits and -._~+/ is expected."""


class AddressMissing(NotSent):
    """The token in {variable} needs the API that it is for: CHANGEGATE_API_URL or --api."""


class AddressMalformed(NotSent):
    """CHANGEGATE_API_URL or --api is no address of an API; write https://host, without login, query and fragment."""


class Overheard(NotSent):
    """A token is not sent over plain http to {host}, where others can read it; write https://."""


class IssuerUnknownThere(NotSent):
    """Tokens of the embedded issuer stay on this machine; for {host} set CHANGEGATE_TOKEN, and leave --as out."""


class TenantMalformed(NotSent):
    """CHANGEGATE_TENANT or --tenant is not the slug of a tenant."""


class TemporalUnknown(NotSent):
    """Say where Temporal answers: CHANGEGATE_TEMPORAL_ADDRESS, and CHANGEGATE_TEMPORAL_NAMESPACE where it has one."""


@dataclass(frozen=True)
class Asked:
    """What command line and environment say; an empty variable is one that is not set."""

    environment: Mapping[str, str]
    handle: str | None = None
    api: str | None = None
    tenant: str | None = None


@dataclass(frozen=True)
class Destination:
    """`api` ends without a slash; `embedded` is the API of the data folder."""

    api: str
    token: str = field(repr=False)
    tenant: str | None = None
    embedded: bool = False


@dataclass(frozen=True)
class Frontend:
    """Where Temporal takes signals; no namespace is the default one."""

    address: str
    namespace: str | None = None


def destination(asked: Asked, installation: Installation) -> Destination:
    """An outside token goes to the API that is named, and one of the embedded issuer never leaves this machine."""
    if asked.tenant and not (asked.tenant.isascii() and asked.tenant.isprintable()):
        raise TenantMalformed
    found = _outside_token(asked.environment)
    if found is not None:
        return _outside(asked, *found)
    if not asked.handle:
        raise NobodyNamed
    api = _checked(asked.api, embedded=True) if asked.api else installation.api_url
    return Destination(api, installation.mint(asked.handle, MINUTES), asked.tenant or None, embedded=not asked.api)


def frontend(asked: Asked, installation: Installation) -> Frontend:
    """The Temporal beside the API that is asked."""
    if not asked.api:
        return Frontend(installation.temporal_address)
    address = asked.environment.get("CHANGEGATE_TEMPORAL_ADDRESS")
    if not address:
        raise TemporalUnknown
    return Frontend(address, asked.environment.get("CHANGEGATE_TEMPORAL_NAMESPACE") or None)


def _outside(asked: Asked, variable: str, token: str) -> Destination:
    if asked.handle:
        raise NamedTwice(variable=variable)
    if not asked.api:
        raise AddressMissing(variable=variable)
    if not _TOKEN.fullmatch(token):
        raise TokenMalformed(variable=variable)
    return Destination(_checked(asked.api), token, asked.tenant or None)


def _outside_token(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and the token. No option gives it: the arguments of a program are shown to everybody by `ps`."""
    said, path = environment.get("CHANGEGATE_TOKEN"), environment.get("CHANGEGATE_TOKEN_FILE")
    if said and path:
        raise TokenGivenTwice
    if path:
        try:
            return "CHANGEGATE_TOKEN_FILE", Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise TokenUnreadable(why=error) from error
        except UnicodeDecodeError as error:
            raise TokenMalformed(variable="CHANGEGATE_TOKEN_FILE") from error
    return ("CHANGEGATE_TOKEN", said.strip()) if said else None


def _checked(api: str, *, embedded: bool = False) -> str:
    """Read by the same parser that will connect, so that both see one host."""
    try:
        url = httpx2.URL(api.strip())
    except httpx2.InvalidURL as error:
        raise AddressMalformed from error
    spare = url.userinfo or url.query or url.fragment
    if url.scheme not in {"http", "https"} or not url.host or spare or not 0 < (url.port or 1) <= MOST_PORTS:
        raise AddressMalformed
    if not _is_loopback(url.host):
        if embedded:
            raise IssuerUnknownThere(host=url.host)
        if url.scheme != "https":
            raise Overheard(host=url.host)
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
