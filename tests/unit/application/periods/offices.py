"""A house whose books are kept by calendar months, and what its people do with its periods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from adapters.holidays.listed import ListedHolidays
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.periods.books import BooksWish
from application.periods.cases import PeriodCases
from application.periods.looking import PeriodState, standing
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.periods.places import period_called
from application.ports.periods import PostingAsked
from application.ports.store import Transaction
from domain.errors import Refusal
from domain.people import Actor
from domain.periods import Operation, Scope
from tests.world import World

WHY = "because of the test"
SCOPES = ("AP", "AR", "GL")


@dataclass(frozen=True)
class Office:
    world: World
    calendars: CalendarCases
    cases: PeriodCases

    @classmethod
    async def furnished(
        cls, world: World, *, years: Sequence[int] = (2026,), zone: str = "UTC", **books: Any
    ) -> "Office":
        office = cls(world, CalendarCases.over(world.store, ListedHolidays()), PeriodCases.over(world.store))
        root, calendars = world.root, office.calendars
        await calendars.entities.put(root, "acme", EntityWish("Acme", zone), expected=0, reason=WHY)
        rule = {"kind": "gregorian", "adjusting_periods": 1}
        await calendars.configuring.put(root, Place("books"), CalendarWish(rule), expected=0, reason=WHY)
        for number in years:
            await calendars.making.make(root, Place("books"), number, YearWish(), WHY)
        for code in SCOPES:
            scope = Scope(code, code, ledger=code == "GL", sequential=code == "GL")
            await office.cases.scopes.put(root, scope, expected=0, reason=WHY)
        await office.cases.books.put(root, "acme", BooksWish("books", **books), expected=0, reason=WHY)
        return office

    async def move(self, verb: GateVerb, code: str, *scopes: str, by: Actor | None = None, **wish: Any) -> PeriodState:
        said = GateWish(WHY, scopes, **wish)
        return await self.cases.gating.period(by or self.world.root, verb, ("acme", code), said)

    async def stands(self, code: str) -> dict[str, str]:
        state = await self.cases.looking.period(self.world.eve, "acme", code)
        return {gate.key.scope: standing(gate) for gate in state.gates}

    async def close(self, code: str, *scopes: str) -> None:
        """As the transaction of a close does it."""
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            place = await period_called(tx, "acme", code)
            held = await tx.periods.hold([place.key(scope) for scope in scopes or SCOPES])
            await tx.periods.move([held[key].closed(None, tx.now, WHY) for key in sorted(held)])

    async def begin(self, tx: Transaction, code: str) -> None:
        """Open it in this transaction, which may go on."""
        place = await period_called(tx, "acme", code)
        held = await tx.periods.hold([place.key(scope) for scope in SCOPES])
        await tx.periods.move([held[key].opened(None, tx.now, WHY) for key in sorted(held)])

    async def posted(self, by: Actor, scope: str, day: str, operation: Operation = Operation.TRANSACTION) -> str:
        """The kind of what the guard refuses with, or nothing."""
        asked = PostingAsked("acme", scope, operation, date.fromisoformat(day), by.id)
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            try:
                await tx.periods.assert_postable(asked)
            except Refusal as refusal:
                return refusal.kind
        return ""

    async def told(self, kind: str) -> list[Any]:
        """Events of this type, as subscribers would hear of them."""
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            await tx.events.number(1000)
            return [each for each in await tx.events.after(0, 1000) if each.type.value == kind]


def again(actor: Actor, request: Any) -> Actor:
    """Who sends the same request once more."""
    return replace(actor, request=request)
