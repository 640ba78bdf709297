"""What a reopening's workflow is told after each of its steps."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.asked import Asked
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.closures import Reopening, ReopeningState
from domain.errors import Missing
from domain.people import Actor


@dataclass(frozen=True)
class ReopenStep:
    tenant: UUID
    reopening: UUID


@dataclass(frozen=True)
class ReopenStand:
    """`asked` while it waits for votes, `open_until` once it was opened."""

    reopening: UUID
    state: ReopeningState
    why: str = ""
    open_until: datetime | None = None
    asked: Asked | None = None

    @property
    def over(self) -> bool:
        return self.state not in {ReopeningState.ASKED, ReopeningState.OPEN, ReopeningState.SHUT}


async def locked(tx: Transaction, reopening: UUID) -> Reopening:
    found = await tx.reopenings.get(reopening, lock=True)
    if found is None:
        raise missing(reopening)
    return found


def missing(reopening: UUID) -> Missing:
    return Missing(kind_of_thing="period reopening", id=str(reopening))


async def moved(
    tx: Transaction, before: Reopening, after: Reopening, *, actor: Actor | None = None, reason: str | None = None
) -> Reopening:
    """The one place where it changes state."""
    await tx.reopenings.save(after)
    told = {"state": after.state.value, "cause": after.why, "stale": list(after.stale),
            "recertified": [each.to_json() for each in after.recertified]}  # fmt: skip
    await record(tx, Action.REOPENING_MOVED, ("period_reopening", after.id), actor=actor, reason=reason,
                 change=after.approval, before={"state": before.state.value}, after=told)  # fmt: skip
    return after


async def stand_of(tx: Transaction, reopening: Reopening) -> ReopenStand:
    return ReopenStand(
        reopening.id, reopening.state, reopening.why, reopening.open_until, await _asked(tx, reopening)
    )  # fmt: skip


def title_of(reopening: Reopening) -> str:
    return f"reopening of {reopening.entity} {reopening.period_code}"


async def _asked(tx: Transaction, reopening: Reopening) -> Asked | None:
    if reopening.state is not ReopeningState.ASKED:
        return None
    approval = await tx.approvals.get(reopening.approval)
    if approval is None:
        return None
    return Asked(
        approval.id, approval.digest, approval.authors, approval.policy, title_of(reopening), approval.opened_at
    )  # fmt: skip
