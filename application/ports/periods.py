"""Books, scopes, gates of periods and exceptions to them, as they are stored; and the guard of postings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from domain.periods import GateKey, LateEntries, Operation, PeriodGate, PostingException, Scope


@dataclass(frozen=True)
class EntityBooks:
    """By which calendar an entity posts; `most_open` is how many of its periods may be open at once.

    With `opens_itself` the period of today is opened by nobody in person.
    """

    entity: str
    calendar: UUID
    late_entries: LateEntries
    most_open: int | None
    version: int
    opens_itself: bool = False


class Books(Protocol):
    """The books of each entity of one tenant, and its scopes of postings."""

    async def get(self, entity: str, *, lock: bool = False) -> EntityBooks | None: ...
    async def at(self, entity: str, version: int) -> EntityBooks | None:
        """As they were."""
        ...

    async def all(self) -> list[EntityBooks]:
        """By entity."""
        ...

    async def put(self, books: EntityBooks) -> None:
        """Over the version before its own: Stale. BooksInUse when the calendar changes under gates."""
        ...

    async def scopes(self) -> list[Scope]:
        """By code."""
        ...

    async def put_scope(self, scope: Scope) -> None:
        """Over the version before its own: Stale."""
        ...


@dataclass(frozen=True)
class PostingAsked:
    """`period` is the number of an adjusting period of the year that has `day`."""

    entity: str
    scope: str
    operation: Operation
    day: date
    actor: UUID
    run_token: UUID | None = None
    period: int | None = None


@dataclass(frozen=True)
class Postable:
    """What whoever posts keeps with the entry."""

    period: UUID
    epoch: int


@dataclass(frozen=True)
class ExceptionUse:
    """An entry that an exception let in."""

    exception: UUID
    used_at: datetime
    actor: UUID
    operation: Operation
    epoch: int


class Periods(Protocol):
    """Gates, which move while they are held; exceptions; and what may be posted now."""

    async def gates(self, entity: str, periods: Collection[UUID]) -> list[PeriodGate]:
        """By period and scope; one that is missing is pending."""
        ...

    async def hold(self, keys: Collection[GateKey]) -> dict[GateKey, PeriodGate]:
        """Until the transaction ends nobody else moves these gates or posts through them.

        CloserIsolation unless the transaction is READ COMMITTED.
        """
        ...

    async def move(self, gates: Sequence[PeriodGate]) -> None:
        """Held ones, each at the epoch after the one it had: StaleEpoch."""
        ...

    async def history(self, key: GateKey, before_epoch: int, limit: int) -> list[PeriodGate]:
        """Newest first."""
        ...

    async def grant(self, exception: PostingException) -> None: ...
    async def exception(self, exception: UUID, *, lock: bool = False) -> PostingException | None: ...
    async def exceptions(
        self, entity: str, period: UUID | None, after: UUID | None, limit: int
    ) -> list[PostingException]:
        """By id."""
        ...

    async def live(self, entity: str) -> list[PostingException]:
        """Neither revoked nor ended when the transaction began, by id."""
        ...

    async def revoke(self, exception: PostingException) -> None:
        """As its `revoked_at` and `revoked_by` say, once every posting that used it has ended."""
        ...

    async def uses(self, key: GateKey) -> list[ExceptionUse]:
        """The first of them first."""
        ...

    async def assert_postable(self, asked: PostingAsked) -> Postable:
        """From here until the transaction ends the gate stays as it is; a refusal of domain.periods, or NoPeriod."""
        ...

    async def put_token(self, run: UUID, keys: Collection[GateKey]) -> UUID:
        """A token by which this transaction, and no other, posts closing entries; it is dropped before the end."""
        ...

    async def drop_token(self, token: UUID) -> None: ...
