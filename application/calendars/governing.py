"""Who writes a calendar or books is told at once that it holds, or which change waits for others."""

from application.calendars.configuring import CalendarWish, Configuring
from application.calendars.places import Held, Place
from application.periods.books import Books, BooksView, BooksWish
from application.ports.store import Store
from application.submission import Submission, Submitted
from domain.changes import ChangeSet
from domain.people import Actor, Permission


class CalendarChanges:
    """Each raises what Configuring and Books raise, and what a submission does."""

    def __init__(self, store: Store, submission: Submission) -> None:
        self._submission = submission
        self._configuring = Configuring(store)
        self._books = Books(store)

    async def rule(
        self, actor: Actor, place: Place, wish: CalendarWish, *, expected: int, reason: str
    ) -> Held | Submitted:
        done = await self._configuring.put(actor, place, wish, expected=expected, reason=reason)
        return await self._submitted(actor, done) if isinstance(done, ChangeSet) else done

    async def books(
        self, actor: Actor, entity: str, wish: BooksWish, *, expected: int, reason: str
    ) -> BooksView | Submitted:
        done = await self._books.put(actor, entity, wish, expected=expected, reason=reason)
        return await self._submitted(actor, done) if isinstance(done, ChangeSet) else done

    async def _submitted(self, actor: Actor, change: ChangeSet) -> Submitted:
        """Whoever may write them may ask for it."""
        return await self._submission.submit(actor, change.id, may=Permission.PERIODS_MANAGE)
