"""The rule of a calendar is written version by version, each for years that nobody has made yet."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from application.calendars.places import Held, Place, calendar_held, entity_called
from application.ports.calendars import StoredCalendar
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.calendars import FIRST_YEAR, FiscalYear, ShortPeriods, fiscal_year, parse_rule, restated_year
from domain.calendars.keeping import check_unmade
from domain.canonical import Json
from domain.errors import AlreadyExists, Stale
from domain.people import Actor, Permission

_NAMED = 5
"""So many of the years in the way are named."""


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

    async def put(self, actor: Actor, place: Place, wish: CalendarWish, *, expected: int, reason: str) -> Held:
        """The first version makes the calendar; CalendarUsed where years were made that it would make."""
        actor.require(Permission.PERIODS_MANAGE)
        rule = parse_rule(wish.rule).to_json()
        async with self._store.transaction(actor.tenant) as tx:
            entity = await entity_called(tx, place.entity) if place.entity else None
            if actor.request and (written := await tx.calendars.asked(actor.request)):
                return Held(written, entity)
            before = await tx.calendars.find(place.code, place.entity, lock=True)
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            after = StoredCalendar(
                before.id if before else uuid4(), place.entity, place.code, version + 1,
                await _first_year(tx, before, wish.from_year), rule, wish.short_periods.value, actor.id, tx.now,
                reason, actor.request,
            )  # fmt: skip
            try:
                await tx.calendars.put(after)
            except AlreadyExists:
                raise Stale(expected=expected) from None
            await record(tx, Action.CALENDAR_CHANGED, ("fiscal_calendar", after.id), actor=actor, reason=reason,
                         before=_fact(before) if before else None, after=_fact(after))  # fmt: skip
            return Held(after, entity)

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


async def _first_year(tx: Transaction, before: StoredCalendar | None, wished: int | None) -> int:
    if before is None:
        return FIRST_YEAR if wished is None else wished
    if wished is not None:
        check_unmade(wished, [each.year for each in await tx.calendars.from_number(before.id, wished, _NAMED)])
        return wished
    ends = await tx.calendars.ends_of(before.id)
    return ends[-1].year.number + 1 if ends else before.from_year


def _fact(calendar: StoredCalendar) -> dict[str, Any]:
    return {
        "entity": calendar.entity,
        "code": calendar.code,
        "version": calendar.version,
        "from_year": calendar.from_year,
        "rule": calendar.rule,
        "short_periods": calendar.short_periods,
    }
