"""Who keeps flags is told that they changed as soon as this process serves the change, and never what they are."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5
from zlib import crc32

from application.acting import Clock
from application.evaluation import FlagSets, Shelf
from application.ports.identity import Assertions
from application.ports.store import Store
from domain.environments import Environment
from domain.errors import Forbidden, TooMany, Unauthenticated, Unavailable
from domain.people import Actor, Permission
from domain.people.acts import LIFETIME, Act

MOST_STREAMS = 1000
_STREAM = "stream"
"""The verb of the ticket: it proves no act of a person, and no activity takes it for one."""
_WINDOW = LIFETIME // 2
_PHASES = 16
_MOST_KEPT = 10_000
_TRUST_SECONDS = 5.0


class StreamEnded(Unauthenticated):
    """This address of a stream is not good, or not any more; ask for all flags again to get another."""

    kind = "stream-ended"


class TooManyStreams(TooMany):
    """Too many streams are open in this name; try again in a moment."""

    kind = "too-many-streams"


@dataclass(frozen=True)
class Ticket:
    """May open streams of one place until then; who asks again meanwhile is given the same one."""

    tenant: UUID
    environment: Environment
    principal: UUID
    until: datetime


@dataclass(frozen=True)
class Stream:
    ticket: Ticket
    shelf: Shelf
    actor: Actor


class FlagStreams:
    """Tickets and streams, of any process: what they say is in their signature, and what is missed in the database."""

    def __init__(
        self, store: Store, flag_sets: FlagSets, assertions: Assertions, clock: Clock, *, most: int = MOST_STREAMS
    ) -> None:
        self._store = store
        self._flag_sets = flag_sets
        self._assertions = assertions
        self._clock = clock
        self._most = most
        self._issued: dict[Ticket, str] = {}
        self._open: Counter[UUID] = Counter()
        self._known: dict[UUID, tuple[float, Actor]] = {}
        self._coming: dict[UUID, asyncio.Task[Actor]] = {}

    def until(self, subject: object) -> datetime:
        """When a ticket that is given out now ends: in half of an act's lifetime at least, in a whole one at most.

        For different subjects it is at different moments, so that streams do not all end at once.
        """
        window = _WINDOW.total_seconds()
        phase = crc32(str(subject).encode("utf-8", "replace")) % _PHASES * window / _PHASES
        begun = (self._clock().timestamp() + phase) // window
        return datetime.fromtimestamp((begun + 2) * window - phase, UTC)

    def issue(self, ticket: Ticket) -> str:
        token = self._issued.get(ticket)
        if token is None:
            if len(self._issued) >= _MOST_KEPT:
                self._issued.clear()
            place = f"{_STREAM}:{ticket.environment.value}:{ticket.until.timestamp()}"
            act = Act(
                uuid5(ticket.principal, place), ticket.tenant, ticket.principal, _STREAM, ticket.environment.value,
                None, ticket.until,
            )  # fmt: skip
            token = self._issued[ticket] = self._assertions.issue(act)
        return token

    def left(self, stream: Stream) -> float:
        """Seconds until its ticket ends."""
        return (stream.ticket.until - self._clock()).total_seconds()

    async def opened(self, token: str, seen: int | None) -> Stream:
        """Raises StreamEnded, and Unavailable where it cannot be looked up whether what was `seen` is the newest."""
        ticket = self._ticket(token)
        actor = await self._present(ticket)
        place = ticket.tenant, ticket.environment
        shelf = await self._flag_sets.shelf(*place)
        if seen is not None:
            await self._flag_sets.at_least(place, seen)
        return Stream(ticket, shelf, actor)

    @contextmanager
    def seated(self, stream: Stream) -> Iterator[None]:
        """Raises PermissionMissing and TooManyStreams."""
        stream.actor.require(Permission.FEATURES_EVALUATE)
        principal = stream.ticket.principal
        if self._open[principal] >= self._most:
            raise TooManyStreams(retry_after=5)
        self._open[principal] += 1
        try:
            yield
        finally:
            self._open[principal] -= 1
            if not self._open[principal]:
                del self._open[principal]
                self._known.pop(principal, None)

    async def next(self, stream: Stream, seen: int, seconds: float) -> int:
        """The revision that is served: another one as soon as there is one, or `seen` when so many seconds passed.

        StreamEnded or PermissionMissing once the one who streams may evaluate no longer.
        """
        if stream.shelf.flags.revision == seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stream.shelf.newer(seen)
        (await self._present(stream.ticket)).require(Permission.FEATURES_EVALUATE)
        return stream.shelf.flags.revision

    def _ticket(self, token: str) -> Ticket:
        try:
            act = self._assertions.verify(token)
        except Forbidden:
            raise StreamEnded from None
        if act.verb != _STREAM:
            raise StreamEnded
        return Ticket(act.tenant, Environment(act.subject), act.actor, act.expires_at)

    async def _present(self, ticket: Ticket) -> Actor:
        """Who streams, as of some seconds ago at most, and looked up once for all streams in one name.

        Who was known stays known while nobody can look.
        """
        principal = ticket.principal
        known = self._known.get(principal)
        if known is not None and asyncio.get_running_loop().time() < known[0]:
            return known[1]
        coming = self._coming.get(principal)
        if coming is None:
            coming = self._coming[principal] = asyncio.create_task(self._look(ticket))
            coming.add_done_callback(lambda _: self._coming.pop(principal))
        try:
            return await asyncio.shield(coming)  # a stream that ends takes no other along
        except Unavailable:
            if known is None:
                raise
            return known[1]

    async def _look(self, ticket: Ticket) -> Actor:
        async with self._store.transaction(ticket.tenant) as tx:
            actor = await tx.people.actor(ticket.principal)
        if actor is None:
            self._known.pop(ticket.principal, None)
            raise StreamEnded
        until = asyncio.get_running_loop().time() + _TRUST_SECONDS
        self._known[ticket.principal] = until, actor
        return actor
