"""Books say by which calendar an entity posts, what becomes of entries that come late, and how much may be open."""

from dataclasses import dataclass
from uuid import UUID

from application.acting import done, remember
from application.calendars.places import Place, calendar_held, entity_called
from application.calendars.proposing import asked_about, proposed
from application.periods.bookkeeping import books_content, check_calendar, write_books
from application.periods.places import books_of, calendar_of
from application.ports.calendars import StoredCalendar
from application.ports.periods import EntityBooks
from application.ports.store import Store
from application.recording import reverted
from application.settings.drafting import drafted_before
from domain.changes import ChangeSet, Kind
from domain.errors import Stale
from domain.people import Actor, Permission
from domain.periods import LateEntries


@dataclass(frozen=True)
class BooksWish:
    """`calendar` is a code: of the calendar of `whose`, unless said the entity's own, or the nearest above it.

    `most_open` periods of a scope take transactions at a time; `opens_itself`: a period opens on its first day.
    """

    calendar: str
    late_entries: LateEntries = LateEntries.REJECT
    most_open: int | None = None
    opens_itself: bool = False
    whose: str | None = None


@dataclass(frozen=True)
class BooksView:
    books: EntityBooks
    calendar: StoredCalendar


class Books:
    """Each raises PermissionMissing, Missing, BooksMissing or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, entity: str) -> BooksView:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await entity_called(tx, entity)
            books = await books_of(tx, entity)
            return BooksView(books, await calendar_of(tx, books))

    async def put(
        self, actor: Actor, entity: str, wish: BooksWish, *, expected: int, reason: str, reverts: UUID | None = None
    ) -> BooksView | ChangeSet:
        """Over version 0 the first time; BooksInUse for another calendar once a period was opened.

        Where a policy asks for approval it is the change that is to be submitted.
        """
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            calendar = (
                await calendar_held(tx, Place(wish.calendar, entity if wish.whose is None else wish.whose))
            ).calendar
            before = await tx.books.get(entity, lock=True)
            if before and await done(tx, actor):
                return BooksView(before, await calendar_of(tx, before))
            if drafted := await drafted_before(tx, actor):
                return drafted
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            after = EntityBooks(
                entity, calendar.id, wish.late_entries, wish.most_open, version + 1, opens_itself=wish.opens_itself
            )
            if await asked_about(tx):
                await check_calendar(tx, before, calendar.id)
                was = await books_content(tx, before) if before else None
                target = (Kind.ENTITY_BOOKS, entity, version, await books_content(tx, after))
                return await proposed(tx, actor, target, was, reason, reverts)
            if reverts is not None:
                await reverted(tx, actor, reverts, None, reason)
            await write_books(tx, actor, after, before, reason)
            await remember(tx, actor, "put-books")
            return BooksView(after, calendar)
