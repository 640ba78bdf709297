"""Before a command posts the guard of postings is asked, and what it answered is true until the transaction ends."""

from typing import Final

from application.commands.reading import Ready
from application.ports.periods import PostingAsked
from application.ports.store import Transaction
from domain.commands.outcomes import PeriodShut, Permanent
from domain.errors import Refusal, Unavailable
from domain.periods import (
    AdjustmentForbidden,
    AdjustmentsOnly,
    NotAdjustable,
    Operation,
    PeriodClosed,
    PeriodLocked,
    PeriodPending,
)

SHUT: Final = (PeriodClosed, PeriodLocked, PeriodPending, AdjustmentsOnly, NotAdjustable, AdjustmentForbidden)


async def admitted(tx: Transaction, each: Ready) -> None:
    """Counted as one posting of whoever sent it; PeriodShut, or Permanent where no period could take it."""
    scope, asked = each.handler.policy.posts, each.record.command.options
    if scope is None:
        return
    if asked.entity is None or asked.effective_date is None or each.record.sender is None:
        raise Permanent("posting-incomplete", "it does not say in whose books, on which day and by whom it is posted")
    posting = PostingAsked(asked.entity, scope, Operation.TRANSACTION, asked.effective_date, each.record.sender)
    try:
        await tx.periods.assert_postable(posting)
    except Unavailable:
        raise
    except Refusal as refusal:
        failure = PeriodShut if isinstance(refusal, SHUT) else Permanent
        raise failure(refusal.kind, str(refusal), {**refusal.facts, **each.record.command.posting}) from refusal
