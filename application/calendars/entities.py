"""Legal entities have clocks of their own, and a place in their group that never changes."""

from dataclasses import asdict, dataclass
from typing import Any

from application.acting import done, remember
from application.calendars.places import MOST_LEVELS, entity_called, line_of
from application.ports.calendars import LegalEntity
from application.ports.holidays import PublicHolidays
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.calendars import time_zone
from domain.errors import Fault, Invalid, Stale
from domain.people import Actor, Permission


@dataclass(frozen=True)
class EntityWish:
    name: str
    time_zone: str
    parent: str | None = None
    country: str | None = None
    subdivision: str | None = None


class LegalEntities:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store, holidays: PublicHolidays) -> None:
        self._store = store
        self._holidays = holidays

    async def get(self, actor: Actor, code: str) -> LegalEntity:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await entity_called(tx, code)

    async def page(self, actor: Actor, after: str, limit: int) -> list[LegalEntity]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.entities.page(after, limit)

    async def put(self, actor: Actor, code: str, wish: EntityWish, *, expected: int, reason: str) -> LegalEntity:
        """Over version 0 the first time; its parent is said then, and is the same ever after."""
        actor.require(Permission.PERIODS_MANAGE)
        time_zone(wish.time_zone, "/time_zone")
        self._check_country(wish)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.entities.get(code, lock=True)
            if before and await done(tx, actor):
                return before
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            await _check_parent(tx, before, wish)
            after = LegalEntity(
                code, wish.name, wish.time_zone, wish.parent, version + 1, wish.country, wish.subdivision
            )
            await tx.entities.put(after)
            await remember(tx, actor, "put-entity")
            await record(tx, Action.ENTITY_CHANGED, ("legal_entity", code), actor=actor, reason=reason,
                         before=_fact(before) if before else None, after=_fact(after))  # fmt: skip
            return after

    def _check_country(self, wish: EntityWish) -> None:
        """One of which the holidays are known, if any."""
        if wish.country is not None:
            self._holidays.of(wish.country, wish.subdivision, ())
        elif wish.subdivision is not None:
            raise Invalid([Fault("/country", "the country of this subdivision")])


async def _check_parent(tx: Transaction, before: LegalEntity | None, wish: EntityWish) -> None:
    if before is not None:
        if before.parent != wish.parent:
            raise Invalid([Fault("/parent", "as it was: an entity stays where it stands in its group")])
    elif wish.parent is not None:
        if await tx.entities.get(wish.parent) is None:
            raise Invalid([Fault("/parent", "the code of a legal entity of this tenant")])
        if len(await line_of(tx, wish.parent)) >= MOST_LEVELS:
            raise Invalid([Fault("/parent", f"an entity with at most {MOST_LEVELS - 2} above it")])


def _fact(entity: LegalEntity) -> dict[str, Any]:
    return asdict(entity)
