"""A month of a small company: what is posted, what is refused and in which words, printed as it happens."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from changegate import Refused
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.ledger.entries import Draft, Entry, Module, Posted, credit, debit
from examples.ledger.ledger import Ledger
from examples.ledger.refusals import LedgerRefusal
from examples.ledger.sessions import Desk, work
from examples.ledger.trial_balance import read

OPENING = Path(__file__).parent / "data" / "trial_balance_2024.csv"
_CANCEL = text("UPDATE ledger.journal SET posted = false WHERE module = :module AND id = :id")
_TAKEN_OVER = text("SELECT EXISTS (SELECT FROM ledger.journal WHERE module = 'GL' AND posted AND entity = :entity)")

T = TypeVar("T")


@dataclass(frozen=True)
class Story:
    """Told about `day`; nothing that is refused ends it."""

    engine: AsyncEngine
    desk: Desk
    day: date

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.engine, self.desk)

    async def tell(self) -> None:
        await self._opening()
        first = await self._business()
        await self._mistakes(first)
        await self._late()
        await self._transfers()

    async def _opening(self) -> None:
        print(f"\nThe books of {self.desk.entity}")
        async with work(self.engine, self.desk) as at:
            if await at.scalar(_TAKEN_OVER, {"entity": self.desk.entity}):
                print("  are kept here already")
                return
        balance = read(OPENING.read_text(encoding="utf-8"))
        await self.ledger.open_accounts(balance.accounts)
        print(f"  have {len(balance.accounts)} accounts")
        await _told("trial balance", self.ledger.take_over(balance, self.day, "Trial balance of the old system"))

    async def _business(self) -> Entry | None:
        print("\nWhat happens in the month")
        posted = [await self._post(each) for each in month(self.day)]
        return next((each.entry for each in posted if each), None)

    async def _mistakes(self, first: Entry | None) -> None:
        print("\nWhat the books do not take")
        off = (debit("6400", "100.00"), credit("2000", "99.99"))
        await self._post(Draft(Module.AP, self.day, "An advertisement, a cent off", off))
        if first:
            await _told("cancelled by hand", self._cancel(first))
            await _told("reversed instead", self.ledger.reverse(first, "Billed to another company"))

    async def _late(self) -> None:
        print("\nAn invoice that comes late")
        lines = (debit("6210", "318.40"), credit("2000", "318.40"))
        late = self.day.replace(day=1) - timedelta(days=3)
        entry = await self.ledger.draft(Draft(Module.AP, late, "Electricity", lines))
        await _told(f"Electricity of {late}", self.ledger.post_late(entry))

    async def _transfers(self) -> None:
        print("\nWhat the general ledger takes over")
        for module in Module:
            if module is not Module.GL:
                await _told(f"{module}", self.ledger.transfer(module, self.day))

    async def _post(self, draft: Draft) -> Posted | None:
        return await _told(f"{draft.module:3} {draft.description}", self.ledger.post(await self.ledger.draft(draft)))

    async def _cancel(self, entry: Entry) -> None:
        async with work(self.engine, self.desk) as at:
            await at.execute(_CANCEL, {"module": entry.module, "id": entry.id})


def month(day: date) -> list[Draft]:
    """Purchases in two currencies, sales, what the stock gave, and wages."""
    said = [
        (Module.AP, "Rent of the warehouse", "EUR", [("6200", "4000.00"), ("1300", "760.00"), ("2000", "-4760.00")]),
        (Module.AP, "Customs broker, Newark", "USD", [("5030", "812.35"), ("2020", "-812.35")]),
        (Module.AR, "Goods to Lyon", "EUR", [("1200", "18420.00"), ("4010", "-18420.00")]),
        (Module.AR, "Goods to Boston", "USD", [("1220", "9640.50"), ("4020", "-9640.50")]),
        (Module.INV, "Material for the month", "EUR", [("5000", "7211.90"), ("1000", "-7211.90")]),
        (Module.PAY, "Wages", "EUR", [("6000", "31200.00"), ("2120", "-24648.00"), ("2110", "-6552.00")]),
    ]
    return [
        Draft(module, day, description, tuple(
            debit(account, amount, currency) if Decimal(amount) > 0 else credit(account, -Decimal(amount), currency)
            for account, amount in lines
        ))
        for module, description, currency, lines in said
    ]  # fmt: skip


async def _told(what: str, done: Awaitable[T]) -> T | None:
    try:
        outcome = await done
    except (Refused, LedgerRefusal) as refused:
        print(f"  no   {what}: {refused.title if isinstance(refused, Refused) else refused}")
        return None
    print(f"  yes  {what}{_where(outcome)}")
    return outcome


def _where(outcome: object) -> str:
    if isinstance(outcome, list):
        return f": {len(outcome)} entries"
    if not isinstance(outcome, Posted):
        return ""
    kept = f", dated {outcome.original_date}" if outcome.original_date else ""
    return f": no. {outcome.number} on {outcome.on}, epoch {outcome.epoch}{kept}"
