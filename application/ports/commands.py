"""Commands of one tenant as they are kept, and the lanes of every tenant in which some are due."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from application.ports.batches import Batches
from application.ports.bulks import CommandBulks
from application.ports.command_limits import CommandBreakers, CommandLimits
from application.ports.long_commands import LongCommands
from application.ports.parked import ParkedCommands
from application.ports.purged_commands import PurgedCommands
from application.ports.repairs import CommandRepairs
from application.ports.unique_keys import UniqueKeys
from domain.commands import CommandRecord, CommandState, CommandType, Key
from domain.commands.limits import Room

Mark: TypeAlias = tuple[datetime, str, str]
"""Where a page, newest first, ended: the instant, domain and id of its last command."""


@dataclass(frozen=True)
class CommandFilter:
    """Everything unless said; sent at `since` or later, and before `until`."""

    state: CommandState | None = None
    domain: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    correlation: UUID | None = None
    change: UUID | None = None
    batch: str | None = None


@dataclass(frozen=True)
class Types:
    """All types but those that are named, or `only` those; of some no more than there is room for.

    Of all but those that are named, commands that go together, or with `alone` those that do not. Without `suspects`
    none whose worker vanished before.
    """

    names: frozenset[str] = frozenset()
    only: bool = False
    rooms: Mapping[str, Room] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    alone: bool = False
    suspects: bool = True

    def hold(self, name: str) -> bool:
        return (name in self.names) is self.only

    def take(self, record: CommandRecord) -> bool:
        apart = record.crashes > 0 and not self.suspects
        return self.hold(record.command.type) and (self.only or record.alone is self.alone) and not apart


EVERY: Final = Types()
SUSPECTS: Final = 50
"""Commands whose workers vanished that are in one lease: they are executed one after the other."""


class Commands(Protocol):
    """The commands of one tenant. What moves one moves it from the version that it was read with."""

    @property
    def parked(self) -> ParkedCommands: ...
    @property
    def repairs(self) -> CommandRepairs: ...
    @property
    def bulks(self) -> CommandBulks: ...
    @property
    def long(self) -> LongCommands: ...
    @property
    def limits(self) -> CommandLimits: ...
    @property
    def breakers(self) -> CommandBreakers: ...
    @property
    def batches(self) -> Batches: ...
    @property
    def unique(self) -> UniqueKeys: ...
    @property
    def purged(self) -> PurgedCommands: ...
    async def types(self, domain: str | None = None) -> list[CommandType]:
        """What handlers take, by type and version; the same for every tenant."""
        ...

    async def add(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        """In their order; gives those that were there before, as they stand. No key may be given twice.

        Of one that was purged, what remains. Where one that was there has another fingerprint none is added. It waits
        for whoever is sending one of them, and never spoils the transaction.
        """
        ...

    async def get(self, key: Key, *, lock: bool = False) -> CommandRecord | None: ...
    async def still(self, domain: str, ids: Sequence[str]) -> list[CommandRecord]:
        """Those of them that nobody else is moving, locked."""
        ...

    async def page(self, wanted: CommandFilter, before: Mark | None, limit: int) -> list[CommandRecord]:
        """Newest first."""
        ...

    async def lease(
        self, domain: str, most: int, ends_at: datetime, lease: UUID, types: Types = EVERY
    ) -> list[CommandRecord]:
        """The first that are due and nobody else is taking, in the order of their ranks; no lease where there is none.

        Of these types, and of an ordering key only the oldest that is not over. Those whose workers vanished before are
        taken by themselves, where one of them is the first.
        """
        ...

    async def hold(self, lease: UUID) -> datetime | None:
        """When it ends. Nobody else holds, extends or ends it until the transaction does; None when it is gone."""
        ...

    async def leased(self, lease: UUID) -> list[CommandRecord]:
        """By rank."""
        ...

    async def extend(self, lease: UUID, ends_at: datetime) -> None: ...
    async def end(self, lease: UUID) -> None: ...
    def attempt(self, *, undone: bool = True) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone where it raises; gives the connection that handlers write on.

        Where it is not to be `undone`, what raises leaves a transaction that must not be committed.
        Unavailable, from what was raised inside, when with it the whole transaction is lost.
        """
        ...

    async def save(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        """With the versions they have now; Stale, and nothing is written, where one of them moved meanwhile."""
        ...


class CommandNews(Protocol):
    """Word of sends, while somebody has asked for it; None says that some may have gone unheard."""

    def listen(self) -> AsyncIterator[object | None]: ...


class CommandLanes(Protocol):
    """What relays ask before a tenant is known."""

    async def put_command_types(self, types: Sequence[CommandType]) -> None:
        """What the handlers of a worker take; the newest word stands.

        Nobody sends the product's own: of these only on what they depend is kept.
        """
        ...

    async def due_commands(self) -> list[tuple[UUID, str]]:
        """Tenant and domain of each lane in which something is due, in no order that favours one."""
        ...

    async def due_alone(self) -> set[tuple[UUID, str]]:
        """Those in which something is due that has a workflow of its own though its type has not."""
        ...

    async def ended_leases(self) -> list[tuple[UUID, UUID]]:
        """Tenant and lease, of those that ended while something was still leased."""
        ...

    async def listen_for_commands(self, lasting: timedelta) -> None:
        """For so long each send is announced to whoever listens."""
        ...
