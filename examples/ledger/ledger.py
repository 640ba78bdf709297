"""The books of one entity as one person works at them: every method is one transaction."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.ledger import journals
from examples.ledger.entries import Account, AccountKind, Draft, Entry, Module, Posted
from examples.ledger.late import post_late
from examples.ledger.refusals import PostedStays
from examples.ledger.sessions import Desk, work
from examples.ledger.transfers import transfer
from examples.ledger.trial_balance import TrialBalance

_OPEN_ACCOUNT = text(
    """
    INSERT INTO ledger.account (tenant_id, entity, code, name, kind, currency)
    VALUES (:tenant, :entity, :code, :name, :kind, :currency) ON CONFLICT (tenant_id, entity, code) DO NOTHING
    """
)
_DISCARD = text(
    """
    DELETE FROM ledger.journal WHERE tenant_id = :tenant AND entity = :entity AND posting_date = :on AND NOT posted
    RETURNING module, description
    """
)
_BALANCES = text("SELECT * FROM ledger.balances(:tenant, :module, :entity, :period)")


@dataclass(frozen=True)
class Balance:
    """Debit less credit of an account in one currency."""

    account: str
    kind: AccountKind
    currency: str
    amount: Decimal


class Ledger:
    """What is refused is raised as a refusal of `changegate.errors` (the posting guard) or a `LedgerRefusal`."""

    def __init__(self, engine: AsyncEngine, desk: Desk) -> None:
        self._engine = engine
        self._desk = desk

    async def open_accounts(self, accounts: Iterable[Account]) -> None:
        """Those that are open stay as they are."""
        async with work(self._engine, self._desk) as at:
            await self._open(at, accounts)

    async def take_over(self, balance: TrialBalance, on: date, description: str, period: int | None = None) -> Posted:
        """Its accounts are opened, and its amounts are one entry of the general ledger."""
        async with work(self._engine, self._desk) as at:
            await self._open(at, balance.accounts)
            whole = Draft(Module.GL, on, description, balance.lines, period=period)
            return await journals.post(at, self._desk, await journals.write(at, self._desk, whole))

    async def draft(self, draft: Draft) -> Entry:
        """Any date will do: only what is posted is judged."""
        async with work(self._engine, self._desk) as at:
            return await journals.write(at, self._desk, draft)

    async def redate(self, entry: Entry, on: date, period: int | None = None) -> None:
        """A draft, wherever it is dated."""
        async with work(self._engine, self._desk) as at:
            if (await journals.find(at, self._desk, entry)).posted:
                raise PostedStays
            await journals.redate(at, self._desk, entry, on, period)

    async def adjust(self, entry: Entry) -> None:
        """A draft, which from now on is to be posted as an adjustment."""
        async with work(self._engine, self._desk) as at:
            if (await journals.find(at, self._desk, entry)).posted:
                raise PostedStays
            await journals.adjust(at, self._desk, entry)

    async def discard(self, on: date) -> list[str]:
        """The drafts of a day, by what they say."""
        async with work(self._engine, self._desk) as at:
            gone = await at.execute(_DISCARD, {"tenant": self._desk.tenant, "entity": self._desk.entity, "on": on})
            return sorted(f"{each.module} {each.description}" for each in gone)

    async def post(self, entry: Entry) -> Posted:
        async with work(self._engine, self._desk) as at:
            return await journals.post(at, self._desk, entry)

    async def post_late(self, entry: Entry) -> Posted:
        """Where its period no longer takes it, as the books say of late entries."""
        async with work(self._engine, self._desk) as at:
            return await post_late(at, self._desk, entry)

    async def reverse(self, entry: Entry, reason: str, on: date | None = None) -> Posted:
        """The same lines on their other sides; on the day of the entry, unless another is given."""
        async with work(self._engine, self._desk) as at:
            return await journals.reverse(at, self._desk, entry, reason, on)

    async def transfer(self, module: Module, until: date) -> list[Posted]:
        """What a sub-ledger has posted up to this day goes into the general ledger: an entry a day and operation."""
        async with work(self._engine, self._desk) as at:
            return await transfer(at, self._desk, module, until)

    async def balances(self, module: Module, period: UUID) -> list[Balance]:
        """Up to the end of the period; accounts that have none are left out."""
        asked = {"tenant": self._desk.tenant, "module": module, "entity": self._desk.entity, "period": period}
        async with work(self._engine, self._desk) as at:
            rows = await at.execute(_BALANCES, asked)
            return [Balance(row.account, AccountKind(row.kind), row.currency, row.balance) for row in rows]

    async def _open(self, at: AsyncConnection, accounts: Iterable[Account]) -> None:
        named = {"tenant": self._desk.tenant, "entity": self._desk.entity}
        rows = [{**named, **asdict(each)} for each in accounts]
        if rows:
            await at.execute(_OPEN_ACCOUNT, rows)

    def _of(self, entry: Entry) -> dict[str, object]:
        return {"tenant": self._desk.tenant, "module": entry.module, "id": entry.id}
