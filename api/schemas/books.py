"""The books of an entity and the scopes of postings, on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Key, Out, Reason
from api.schemas.entities import Title
from api.schemas.fiscal_years import Flag
from application.periods.books import BooksView, BooksWish
from domain.periods import LateEntries, Scope

SCOPE = r"^[A-Z][A-Z0-9_]{0,19}$"
ScopeCode = Annotated[str, Field(pattern=SCOPE, examples=["AP"])]
MostOpen = Annotated[int, Field(strict=True, ge=1, le=100)]


class BooksIn(In):
    """`calendar` is a code: the entity's own, or the nearest above it. It stays once a period was opened.

    `late_entries` is what becomes of an entry for a period that takes it no more: it is refused, moved to the next day
    that takes it, or needs an exception. At most `most_open` standard periods of a scope take transactions at a time.
    With `opens_itself` a period opens on its first day on the clocks of the entity.
    """

    calendar: Key
    late_entries: LateEntries = LateEntries.REJECT
    most_open: MostOpen | None = None
    opens_itself: Flag = False
    reason: Reason

    def wish(self) -> BooksWish:
        return BooksWish(self.calendar, self.late_entries, self.most_open, self.opens_itself)


class BooksOut(Out):
    """`calendar_entity` is whose calendar it is: null for that of the tenant."""

    entity: str
    calendar: str
    calendar_entity: str | None
    calendar_id: UUID
    late_entries: LateEntries
    most_open: int | None
    opens_itself: bool
    version: int

    @classmethod
    def of(cls, found: BooksView) -> "BooksOut":
        books, calendar = found.books, found.calendar
        return cls(
            entity=books.entity, calendar=calendar.code, calendar_entity=calendar.entity or None,
            calendar_id=calendar.id, late_entries=books.late_entries, most_open=books.most_open,
            opens_itself=books.opens_itself, version=books.version,
        )  # fmt: skip


class ScopeIn(In):
    """A `ledger` is closed after all sub-ledgers; a period of a `sequential` scope is closed after the one before it.

    Unless said, ledgers are sequential and sub-ledgers are not. Whether it is a ledger is said once.
    """

    name: Title
    ledger: Flag = False
    sequential: Flag | None = None
    reason: Reason

    def wish(self, code: str) -> Scope:
        return Scope(code, self.name, self.ledger, self.ledger if self.sequential is None else self.sequential)


class ScopeOut(Out):
    code: str
    name: str
    ledger: bool
    sequential: bool
    version: int

    @classmethod
    def of(cls, scope: Scope) -> "ScopeOut":
        return cls(**vars(scope))


class ScopesOut(Out):
    items: list[ScopeOut]

    @classmethod
    def of(cls, scopes: list[Scope]) -> "ScopesOut":
        return cls(items=[ScopeOut.of(each) for each in scopes])
