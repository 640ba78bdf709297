"""What other modules may tell the ledger to do: it happens in the transaction that says it was done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from changegate.errors import Refused
from changegate.guard import acting
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.handling import Order, handles
from application.commands.posting import SHUT
from domain.commands.outcomes import HandlerKind, PeriodShut, Permanent
from examples.ledger import journals
from examples.ledger.entries import NOTHING, Draft, Entry, Line, Module, Posted
from examples.ledger.refusals import LedgerRefusal, refusals
from examples.ledger.sessions import Desk


class JournalLine(BaseModel):
    account: str
    currency: str = "EUR"
    debit: Decimal = NOTHING
    credit: Decimal = NOTHING


class PostJournal(BaseModel):
    """An entry with its lines; `period` is the number of an adjusting period."""

    entity: str
    module: Module
    on: date
    description: str
    lines: list[JournalLine] = Field(min_length=1)
    period: int | None = None

    @property
    def draft(self) -> Draft:
        lines = [Line(each.account, each.currency, each.debit, each.credit) for each in self.lines]
        return Draft(self.module, self.on, self.description, lines, period=self.period)


class ReverseJournal(BaseModel):
    """An entry that is posted; another takes it back, on the day `on` or on its own."""

    entity: str
    module: Module
    entry: UUID
    reason: str
    on: date | None = None


@handles("ledger.post-journal", PostJournal, HandlerKind.TRANSACTIONAL)
async def post_journal(order: Order, wished: PostJournal, connection: AsyncConnection) -> Any:
    """What the guard or the ledger refuses waits for a person: the period may be opened, the entry put right."""
    async with posting(order, wished.entity, connection) as desk:
        posted = await journals.post(connection, desk, await journals.write(connection, desk, wished.draft))
    return _said(posted)


@handles("ledger.reverse-journal", ReverseJournal, HandlerKind.TRANSACTIONAL)
async def reverse_journal(order: Order, wished: ReverseJournal, connection: AsyncConnection) -> Any:
    async with posting(order, wished.entity, connection) as desk:
        entry = Entry(wished.module, wished.entry)
        posted = await journals.reverse(connection, desk, entry, wished.reason, wished.on)
    return _said(posted)


@asynccontextmanager
async def posting(order: Order, entity: str, connection: AsyncConnection) -> AsyncIterator[Desk]:
    """The desk of whoever sent the command; what is refused there is said in words of the bus."""
    if order.sender is None:
        raise Permanent("nobody", "an entry is posted by whoever sent the command")
    desk = Desk(order.tenant, entity, order.sender)
    try:
        with refusals():
            await connection.execute(acting(desk.person))
            yield desk
    except Refused as refusal:
        failure = PeriodShut if refusal.kind in {each.kind for each in SHUT} else Permanent
        raise failure(refusal.kind, refusal.title) from refusal
    except LedgerRefusal as refusal:
        raise Permanent(type(refusal).__name__, str(refusal)) from refusal


def _said(posted: Posted) -> Any:
    return {"entry": str(posted.entry.id), "number": posted.number, "on": posted.on.isoformat()}
