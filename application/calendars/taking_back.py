"""A rule or books go back as they were written: by whoever may write them, and by a change where one is asked for."""

from application.calendars.configuring import CalendarWish, Configuring
from application.calendars.places import Held
from application.calendars.rulings import Ruling
from application.periods.bookkeeping import books_said
from application.periods.books import Books, BooksView, BooksWish
from application.ports.calendars import WHOLE
from application.ports.store import Store
from domain.calendars import ShortPeriods
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.people import Actor


class CalendarsBack:
    def __init__(self, store: Store) -> None:
        self._configuring = Configuring(store)
        self._books = Books(store)

    async def put(
        self, actor: Actor, change: ChangeSet, content: Json, *, expected: int, reason: str
    ) -> Held | BooksView | ChangeSet:
        """What `change` is taken back to; a rule is for the years that nobody has made since."""
        if change.target.kind is Kind.FISCAL_CALENDAR:
            ruling = Ruling.of(content)
            rule = CalendarWish(ruling.rule, None, ShortPeriods(ruling.short_periods))
            return await self._configuring.put(
                actor, ruling.place, rule, expected=expected, reason=reason, reverts=change.id
            )
        books, whose = books_said(content, expected), content["calendar"]
        wish = BooksWish(
            whose["code"], books.late_entries, books.most_open, opens_itself=books.opens_itself,
            whose=whose["entity"] or WHOLE,
        )  # fmt: skip
        return await self._books.put(
            actor, books.entity, wish, expected=expected, reason=reason, reverts=change.id
        )  # fmt: skip
