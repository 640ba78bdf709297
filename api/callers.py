"""Applications that ask many times a second are verified once in a few seconds."""

import hashlib
import time
from collections.abc import Mapping
from typing import NamedTuple

from api.denials import write_down
from api.ofrep_answers import Refused, general, told
from api.problems import HEADERS
from application.authentication import Authentication
from application.evaluation import FlagSets, Shelf
from domain.environments import Environment
from domain.errors import Unavailable
from domain.people import Actor, Permission, PermissionMissing

_TRUST_SECONDS = 5.0
"""A signature check costs more than an evaluation, so a token is believed this long: a role that was taken away, or a
person who was removed, can read flags for so many seconds more. Nothing can be changed through here."""
_MOST_SEATS = 10_000
_ENVIRONMENTS = {environment.value.encode(): environment for environment in Environment}


class Seat(NamedTuple):
    """Who may evaluate what, until when on the monotonic clock."""

    until: float
    actor: Actor
    environment: Environment
    shelf: Shelf


class Callers:
    """Who may evaluate, by the hash of what their request says of them: no token is kept in memory."""

    def __init__(self, authentication: Authentication, flag_sets: FlagSets, place: str) -> None:
        """A denial is written down as one at `place`."""
        self._authentication = authentication
        self._flag_sets = flag_sets
        self._place = place
        self._seats: dict[bytes, Seat] = {}

    def seated(self, mark: bytes) -> Seat | None:
        """Who was verified with these headers moments ago; waits for nothing."""
        seat = self._seats.get(mark)
        return seat if seat is not None and seat.until > time.monotonic() else None

    async def admitted(self, mark: bytes, headers: Mapping[bytes, bytes]) -> Seat:
        """Who asks now. Who was known stays known while nobody can look."""
        token, tenant, environment = _token(headers), headers.get(b"changegate-tenant"), _environment(headers)
        known = self._seats.get(mark)
        try:
            actor = await self._authentication.actor(
                token.decode("latin-1"), tenant.decode("latin-1") if tenant is not None else None
            )
        except Unavailable:
            if known is None:
                raise
            actor = known.actor
        try:
            actor.require(Permission.FEATURES_EVALUATE)
        except PermissionMissing as refusal:
            await write_down(self._authentication.store, actor, self._place, refusal)
            raise
        shelf = await self._flag_sets.shelf(actor.tenant, environment)
        if len(self._seats) >= _MOST_SEATS:
            self._seats.clear()
        self._seats[mark] = seat = Seat(time.monotonic() + _TRUST_SECONDS, actor, environment, shelf)
        return seat


def mark_of(headers: Mapping[bytes, bytes]) -> bytes:
    """No value of a header can hold a line break, so no two requests have the same lines."""
    said = headers.get
    lines = (
        said(b"authorization", b""),
        said(b"x-api-key", b""),
        said(b"changegate-tenant", b"\n"),  # none is not the same as an empty one
        said(b"changegate-environment", b""),
    )
    return hashlib.sha256(b"\n".join(lines)).digest()


def _environment(headers: Mapping[bytes, bytes]) -> Environment:
    environment = _ENVIRONMENTS.get(headers.get(b"changegate-environment", b"production"))
    if environment is None:
        raise Refused(general("Changegate-Environment is one of " + ", ".join(Environment)))
    return environment


def _token(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    token = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"").strip()
    if not token:
        raise Refused(told(401, {"errorDetails": "send Authorization: Bearer or X-API-Key"}, HEADERS[401]))
    return token
