"""The rule of a calendar as a subject of changes: the years that it would make must be free when it is to hold."""

from application.calendars.rulings import Ruling, check_years, next_unmade, write_calendar
from application.policies import decided
from application.ports.calendars import StoredCalendar
from application.ports.store import Transaction
from application.settings.meanings import author_of, change_of, check_version, told_difference
from domain.approvals import ApprovalPolicy
from domain.calendars import parse_rule
from domain.calendars.keeping import CalendarStays
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, Reach
from domain.rollouts import Rollout, StaleGeneration


class CalendarSubject:
    """One calendar of the tenant or of an entity, for all that post by it."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        check_version(change, version_of(await _present(tx, change, lock=hold)))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        ruling = Ruling.of(change.target.content)
        parse_rule(ruling.rule)
        await check_years(tx, await _present(tx, change), ruling.from_year)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one: a rule has no shares
        before = await _present(tx, change, lock=True)
        await self.check_content(tx, change)
        if version_of(before) != rollout.live_version:
            raise StaleGeneration(present_version=version_of(before), live_version=rollout.live_version)
        ruling, author = Ruling.of(change.target.content), await author_of(tx, change)
        return (await write_calendar(tx, author, ruling, before, change.reason, change.id)).version

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        return version_of(await _present(tx, await change_of(tx, rollout), lock=True)) == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """The earlier rule, for the years that nobody has made since; CalendarStays where there was none."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        change = await change_of(tx, rollout)
        present = await _present(tx, change, lock=True)
        if present is None or not rollout.base_version:
            raise CalendarStays(calendar=rollout.key)
        earlier = Ruling.said_by(await calendar_version(tx, present, rollout.base_version))
        ruling = Ruling(earlier.place, await next_unmade(tx, present), earlier.rule, earlier.short_periods)
        author = await author_of(tx, change)
        return (await write_calendar(tx, author, ruling, present, f"rollback of {rollout.id}", change.id)).version

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        return EVERYWHERE, await decided(tx, [change.target.environment], Kind.FISCAL_CALENDAR, EVERYWHERE)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        present, base = await _present(tx, change), change.target.base_version
        said = Ruling.said_by(await calendar_version(tx, present, base)).to_json() if present and base else None
        return told_difference(change, said, version_of(present))


def version_of(calendar: StoredCalendar | None) -> int:
    """0 before there is one."""
    return calendar.version if calendar else 0


async def calendar_version(tx: Transaction, calendar: StoredCalendar, version: int) -> StoredCalendar:
    return (await tx.calendars.versions(calendar.id, version + 1, 1))[0]


async def _present(tx: Transaction, change: ChangeSet, *, lock: bool = False) -> StoredCalendar | None:
    place = Ruling.of(change.target.content).place
    return await tx.calendars.find(place.code, place.entity, lock=lock)
