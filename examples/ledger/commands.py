"""What other modules may tell the ledger to do: it happens in the transaction that says it was done."""

from datetime import date
from decimal import Decimal
from typing import Any

from changegate.errors import Refused
from changegate.guard import acting
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.handling import Order, handles
from application.commands.posting import SHUT
from domain.commands.outcomes import HandlerKind, PeriodShut, Permanent
from examples.ledger import journals
from examples.ledger.entries import NOTHING, Draft, Line, Module
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


@handles("ledger.post-journal", PostJournal, HandlerKind.TRANSACTIONAL)
async def post_journal(order: Order, wished: PostJournal, connection: AsyncConnection) -> Any:
    """What the guard or the ledger refuses waits for a person: the period may be opened, the entry put right."""
    if order.sender is None:
        raise Permanent("nobody", "an entry is posted by whoever sent the command")
    desk = Desk(order.tenant, wished.entity, order.sender)
    try:
        with refusals():
            await connection.execute(acting(desk.person))
            posted = await journals.post(connection, desk, await journals.write(connection, desk, wished.draft))
    except Refused as refusal:
        failure = PeriodShut if refusal.kind in {each.kind for each in SHUT} else Permanent
        raise failure(refusal.kind, refusal.title) from refusal
    except LedgerRefusal as refusal:
        raise Permanent(type(refusal).__name__, str(refusal)) from refusal
    return {"entry": str(posted.entry.id), "number": posted.number, "on": posted.on.isoformat()}
