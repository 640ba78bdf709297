"""Books of one entity of a house for 2024 and 2025, whose gates a test moves as it likes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from application.ports.store import Store
from domain.closures import Control, Item
from domain.people import Actor
from domain.periods import GateKey, PeriodGate
from examples.ledger.entries import Account, AccountKind, Draft, Entry, Module, credit, debit
from examples.ledger.ledger import Ledger
from examples.ledger.sessions import Desk, work
from tests.conftest import House
from tests.gatekeeping import Bookroom

ENTITY = "acme"
Move = Callable[[PeriodGate, UUID | None, datetime, str], PeriodGate]
ACCOUNTS = (
    Account("1200", "Receivables", AccountKind.BALANCE_SHEET),
    Account("1510", "Bank", AccountKind.BALANCE_SHEET),
    Account("1530", "Bank, dollars", AccountKind.BALANCE_SHEET, "USD"),
    Account("1590", "Payments to be matched", AccountKind.SUSPENSE),
    Account("2000", "Payables", AccountKind.BALANCE_SHEET),
    Account("2920", "Retained earnings", AccountKind.RETAINED_EARNINGS),
    Account("4000", "Sales", AccountKind.PROFIT_AND_LOSS),
    Account("6200", "Rent", AccountKind.PROFIT_AND_LOSS),
)


@dataclass
class Bookkeeping:
    room: Bookroom
    house: House
    engine: AsyncEngine

    @property
    def store(self) -> Store:
        return self.room.store

    @property
    def periods(self) -> dict[str, UUID]:
        """By code, 2024-13 the adjusting one."""
        return self.room.periods

    def ledger(self, actor: Actor | None = None) -> Ledger:
        return Ledger(self.engine, self.desk(actor))

    def desk(self, actor: Actor | None = None) -> Desk:
        return Desk(self.house.id, ENTITY, (actor or self.house.ada).id)

    async def move(self, code: str, move: Move, *modules: Module) -> None:
        """The gates of these modules, or of all."""
        await self.move_all([GateKey(ENTITY, self.periods[code], each) for each in modules or Module], move)

    async def move_all(self, keys: Collection[GateKey], move: Move) -> None:
        async with self.store.transaction(self.house.id) as tx:
            held = await tx.periods.hold(keys)
            await tx.periods.move([move(held[key], self.house.root.id, tx.now, "because") for key in sorted(keys)])

    async def posted(self, on: date, module: Module = Module.AP, amount: str = "119.00") -> Entry:
        return (await self.ledger().post(await self.ledger().draft(rent(on, module, amount)))).entry

    async def control(self, module: Module, code: str) -> Control:
        async with self.store.transaction(self.house.id) as tx:
            return await tx.modules.control(named(module), ENTITY, self.periods[code])

    async def unposted(self, module: Module, code: str) -> list[Item]:
        async with self.store.transaction(self.house.id) as tx:
            return await tx.modules.unposted(named(module), ENTITY, self.periods[code])

    async def untransferred(self, module: Module, code: str) -> list[Item]:
        async with self.store.transaction(self.house.id) as tx:
            return await tx.modules.untransferred(named(module), ENTITY, self.periods[code])

    async def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """As the ledger's login sees them."""
        async with work(self.engine, self.desk()) as at:
            return [tuple(row) for row in await at.execute(text(statement), values)]


def rent(on: date, module: Module = Module.AP, amount: str = "119.00") -> Draft:
    return Draft(module, on, "Rent of the warehouse", (debit("6200", amount), credit("2000", amount)))


def named(module: Module) -> str:
    """As Changegate's registry has it."""
    return f"ledger-{module.lower()}"


async def kept(store: Store, house: House, engine: AsyncEngine) -> Bookkeeping:
    """Every gate of 2024 is open, and none of 2025."""
    room = Bookroom(store, house.id, house.root.id, ENTITY)
    await room.furnish(2024, 2025, scopes=tuple(Module))
    books = Bookkeeping(room, house, engine)
    months = [id_ for code, id_ in room.periods.items() if code.startswith("2024")]
    await books.move_all([GateKey(ENTITY, month, each) for month in months for each in Module], PeriodGate.opened)
    await books.ledger().open_accounts(ACCOUNTS)
    return books
