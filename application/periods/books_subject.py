"""Books as a subject of changes: they stay with their calendar once a period was opened, whoever said yes before."""

from application.periods.bookkeeping import books_content, books_said, check_calendar, over, write_books
from application.policies import decided
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from application.settings.meanings import author_of, change_of, check_version, told_difference
from domain.approvals import ApprovalPolicy
from domain.calendars.keeping import CalendarStays
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, Reach
from domain.rollouts import Rollout, StaleGeneration


class BooksSubject:
    """Its key is the entity."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        check_version(change, _version(await tx.books.get(change.target.key, lock=hold)))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        wanted = books_said(change.target.content, 1)
        await check_calendar(tx, await tx.books.get(wanted.entity), wanted.calendar)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one
        before = await tx.books.get(rollout.key, lock=True)
        if _version(before) != rollout.live_version:
            raise StaleGeneration(present_version=_version(before), live_version=rollout.live_version)
        after = books_said(change.target.content, rollout.live_version + 1)
        await write_books(tx, await author_of(tx, change), after, before, change.reason, change.id)
        return after.version

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        return _version(await tx.books.get(rollout.key, lock=True)) == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """BooksInUse where a period was opened by another calendar since; CalendarStays where there were none."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        change, present = await change_of(tx, rollout), await tx.books.get(rollout.key, lock=True)
        earlier = await tx.books.at(rollout.key, rollout.base_version)
        if present is None or earlier is None:
            raise CalendarStays(entity=rollout.key)
        after = over(earlier, present)
        await write_books(
            tx, await author_of(tx, change), after, present, f"rollback of {rollout.id}", change.id
        )  # fmt: skip
        return after.version

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        """By the policy of calendars."""
        return EVERYWHERE, await decided(tx, [change.target.environment], Kind.FISCAL_CALENDAR, EVERYWHERE)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        earlier = await tx.books.at(target.key, target.base_version)
        base = await books_content(tx, earlier) if earlier else None
        return told_difference(change, base, _version(await tx.books.get(target.key)))


def _version(books: EntityBooks | None) -> int:
    return books.version if books else 0
