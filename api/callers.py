"""Applications that ask many times a second are verified once in a few seconds."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from application.authentication import Authentication
from domain.errors import Unavailable
from domain.people import Actor

_TRUST_SECONDS = 5.0
"""A signature check costs more than an answer, so a token is believed this long: a role that was taken away, or a
person who was removed, can read for so many seconds more. Nothing can be changed by who is only seated."""
_MOST_SEATS = 10_000

Held = TypeVar("Held")
Headers = Mapping[bytes, bytes]


class Seat(NamedTuple, Generic[Held]):
    """Who may ask, until when on the monotonic clock and until which closing of a tenant, and what is at hand."""

    until: float
    closings: tuple[int, int]
    actor: Actor
    held: Held


class Callers(Generic[Held]):
    """Who may ask, by the hash of what their request says of them: no token is kept in memory."""

    def __init__(self, authentication: Authentication, furnish: Callable[[Actor, Headers], Awaitable[Held]]) -> None:
        """`furnish` refuses who may not ask, and gives what is to be at hand for who may."""
        self._authentication = authentication
        self._furnish = furnish
        self._seats: dict[bytes, Seat[Held]] = {}
        self._coming: dict[bytes, asyncio.Task[Seat[Held]]] = {}

    def seated(self, mark: bytes) -> Seat[Held] | None:
        """Who was verified with these headers moments ago; waits for nothing."""
        seat = self._seats.get(mark)
        if seat is None or seat.until <= time.monotonic() or seat.closings[0] != self._authentication.closings.count:
            return None
        return seat

    async def admitted(self, mark: bytes, token: bytes, headers: Headers) -> Seat[Held]:
        """Who asks now, looked up once however many ask at the same time."""
        coming = self._coming.get(mark)
        if coming is None:
            coming = self._coming[mark] = asyncio.create_task(self._admit(mark, token, headers))
            coming.add_done_callback(lambda _: self._coming.pop(mark))
        return await asyncio.shield(coming)  # who hangs up takes nobody else along

    async def _admit(self, mark: bytes, token: bytes, headers: Headers) -> Seat[Held]:
        """Who was known stays known while nobody can look, unless a tenant was closed."""
        tenant = headers.get(b"changegate-tenant")
        heard = self._authentication.closings
        known, closings = self._seats.get(mark), (heard.count, heard.heard)
        try:
            actor = await self._authentication.actor(
                token.decode("latin-1"), tenant.decode("latin-1") if tenant is not None else None, reading=True
            )
        except Unavailable:
            if known is None or known.closings[1] != closings[1]:
                raise
            actor = known.actor
        held = await self._furnish(actor, headers)
        if len(self._seats) >= _MOST_SEATS:
            self._seats.clear()
        self._seats[mark] = seat = Seat(time.monotonic() + _TRUST_SECONDS, closings, actor, held)
        return seat


def mark_of(headers: Headers) -> bytes:
    """No value of a header can hold a line break, so no two requests have the same lines."""
    said = headers.get
    lines = (
        said(b"authorization", b""),
        said(b"x-api-key", b""),
        said(b"changegate-tenant", b"\n"),  # none is not the same as an empty one
        said(b"changegate-environment", b""),
    )
    return hashlib.sha256(b"\n".join(lines)).digest()


def bearer_of(headers: Headers) -> bytes:
    """The token of an Authorization header (RFC 6750 section 2.1), empty where there is none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""
