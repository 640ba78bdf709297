"""A ticket ends with its request, and when nobody can be told of that for long enough, it ends here alone."""

from dataclasses import replace
from typing import Final

from application.external.answers import answered
from application.external.mapping import Asking
from application.ports.outward import ApprovalSystem, Ticket, TicketState
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import Answer, Approval, Standing
from domain.audit import Action

MOST_ATTEMPTS: Final = 20
"""To end a ticket where it was made: for about an hour."""


def outcome_of(approval: Approval | None, ticket: Ticket) -> str | None:
    """How the request of a ticket ended; None while it is open."""
    if approval is None or approval.digest != ticket.digest:
        return "changed"
    return None if approval.standing is Standing.PENDING else approval.standing.value.lower()


async def ended_here(
    tx: Transaction, ticket: Ticket, approval: Approval | None, system: ApprovalSystem | None, outcome: str
) -> bool:
    """End it, unless somebody has to be told first."""
    if approval is not None and system is not None:
        vote = _vote(ticket, approval, system)
        if vote is not None:  # whoever took it died before saying so
            await answered(tx, ticket, vote, "tally")
            return True
        asking = Asking(system.mapping)
        if asking.closes and (ticket.key is not None or (ticket.attempts > 1 and asking.finds)):
            return False
    await ended(tx, ticket, outcome, there=False)
    return True


async def ended(tx: Transaction, ticket: Ticket, outcome: str, *, there: bool, error: str | None = None) -> None:
    """`there`: it was ended where it was made, too."""
    await tx.outward.save_ticket(replace(ticket, state=TicketState.CLOSED, last_error=error))
    await record(tx, Action.TICKET_CLOSED, ("ticket", ticket.id), change=ticket.approval,
                 after={"system": ticket.system, "key": ticket.key, "outcome": outcome, "there": there})  # fmt: skip


def _vote(ticket: Ticket, approval: Approval, system: ApprovalSystem) -> Answer | None:
    """The system's own vote on what the ticket asks."""
    asked = (system.principal, ticket.level, ticket.digest)
    return next((each.answer for each in approval.ballots if (each.voter, each.level, each.digest) == asked), None)
