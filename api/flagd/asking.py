"""What a client of the sync protocol says of itself, in its metadata and in the fields of its request."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from api.callers import Headers
from api.instances import Said
from domain.errors import Fault, Invalid
from domain.instances import is_name

_SELECTED: Final = re.compile(rb"flagSetId=([A-Za-z0-9_-]{1,63})/([A-Za-z0-9_-]{1,63})(?:,token=([!-~]+))?")
_TOKEN: Final = re.compile(rb"[!-~]+")
_AT: Final = re.compile(r"[^A-Za-z0-9._:-]+")
_KNOWN: Final = frozenset(
    {"authorization", "x-api-key", "changegate-tenant", "changegate-environment", "changegate-instance",
     "flagd-selector"}
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """`passing`: it gave no name, so that it goes by its connection, and is nobody once that has ended."""

    headers: Headers
    instance: Said
    passing: bool


def asked_of(request: Any, metadata: Iterable[tuple[str, str | bytes]], peer: str) -> Asked:
    """Invalid where the selector names no flag set.

    The provider's id names the instance. Where nothing else carries a token it is taken for that: the protocol means it
    for this, too, and flagd itself can send nothing else. The provider for Node can send nothing but a selector.
    """
    headers = {key.encode(): value.encode() for key, value in metadata if key in _KNOWN and isinstance(value, str)}
    selector = headers.pop(b"flagd-selector", request.selector.encode())
    if selector:
        headers[b"changegate-tenant"], headers[b"changegate-environment"], token = _selected(selector)
        if token is not None:
            headers.setdefault(b"x-api-key", token)
    provider = request.provider_id
    if provider and b"authorization" not in headers and b"x-api-key" not in headers:
        headers[b"x-api-key"] = _token(provider.encode())
        provider = ""
    for name in (headers.pop(b"changegate-instance", b"").decode(), provider):
        if is_name(name):
            return Asked(headers, Said(name, None), passing=False)
    return Asked(headers, Said(_AT.sub("-", f"flagd-{unquote(peer)}")[:100], None), passing=True)


def _selected(selector: bytes) -> tuple[bytes, bytes, bytes | None]:
    found = _SELECTED.fullmatch(selector)
    if found is None:
        raise Invalid([Fault("/selector", "expected flagSetId=<tenant>/<environment>")])
    return found[1], found[2], found[3]


def _token(provider: bytes) -> bytes:
    """No line break: headers have none, and callers are told apart by that."""
    if _TOKEN.fullmatch(provider) is None:
        raise Invalid([Fault("/provider_id", "expected a token, or one in the metadata")])
    return provider
