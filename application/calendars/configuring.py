"""The rule of a calendar is written version by version, each for years that nobody has made yet."""

from dataclasses import dataclass, field
from uuid import UUID

from application.calendars.places import Held, Place, calendar_held, entity_called
from application.calendars.proposing import asked_about, proposed
from application.calendars.rulings import Ruling, check_years, next_unmade, write_calendar
from application.ports.calendars import LegalEntity, StoredCalendar
from application.ports.store import Store, Transaction
from application.recording import reverted
from application.settings.drafting import drafted_before
from domain.calendars import FIRST_YEAR, FiscalYear, ShortPeriods, fiscal_year, parse_rule, restated_year
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.errors import Stale
from domain.people import Actor, Permission


@dataclass(frozen=True)
class CalendarWish:
    """`from_year`: the first that it makes; unless said, the one after the last that was made."""

    rule: Json
    from_year: int | None = None
    short_periods: ShortPeriods = field(default=ShortPeriods.SEPARATE)


class Configuring:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(
        self, actor: Actor, place: Place, wish: CalendarWish, *, expected: int, reason: str, reverts: UUID | None = None
    ) -> Held | ChangeSet:
        """The first version makes the calendar; CalendarUsed where years were made that it would make.

        Where a policy asks for approval it is the change that is to be submitted.
        """
        actor.require(Permission.PERIODS_MANAGE)
        rule = parse_rule(wish.rule).to_json()
        async with self._store.transaction(actor.tenant) as tx:
            entity = await entity_called(tx, place.entity) if place.entity else None
            if known := await _known(tx, actor, entity):
                return known
            before = await tx.calendars.find(place.code, place.entity, lock=True)
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            first = await _first_year(tx, before, wish.from_year)
            ruling = Ruling(place, first, rule, wish.short_periods.value)
            if await asked_about(tx):
                was = Ruling.said_by(before).to_json() if before else None
                target = (Kind.FISCAL_CALENDAR, ruling.key, version, ruling.to_json())
                return await proposed(tx, actor, target, was, reason, reverts)
            if reverts is not None:
                await reverted(tx, actor, reverts, None, reason)
            return Held(await write_calendar(tx, actor, ruling, before, reason), entity)

    async def get(self, actor: Actor, place: Place) -> Held:
        """The one by which the entity goes."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await calendar_held(tx, place)

    async def page(self, actor: Actor, after: tuple[str, str], limit: int) -> list[StoredCalendar]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.calendars.page(after, limit)

    async def versions(self, actor: Actor, place: Place, before: int, limit: int) -> list[StoredCalendar]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.calendars.versions((await calendar_held(tx, place)).calendar.id, before, limit)

    async def draft(self, actor: Actor, raw: Json, number: int, *, restated: bool) -> FiscalYear:
        """What a rule that is written nowhere would make."""
        actor.require(Permission.PERIODS_READ)
        rule = parse_rule(raw)
        return restated_year(rule, number) if restated else fiscal_year(rule, number)


async def _known(tx: Transaction, actor: Actor, entity: LegalEntity | None) -> Held | ChangeSet | None:
    """What this very request wrote or proposed when it was sent before."""
    if actor.request and (written := await tx.calendars.asked(actor.request)):
        return Held(written, entity)
    return await drafted_before(tx, actor)


async def _first_year(tx: Transaction, before: StoredCalendar | None, wished: int | None) -> int:
    if before is None:
        return FIRST_YEAR if wished is None else wished
    if wished is None:
        return await next_unmade(tx, before)
    await check_years(tx, before, wished)
    return wished
