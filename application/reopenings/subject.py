"""A reopening is approved as a change is, and is no rollout: its own process opens the gates."""

from uuid import UUID

from application.locking.rules import timed
from application.ports.store import Transaction
from application.reopenings.stand import missing
from application.settings.meanings import check_version, told_difference
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, Reach
from domain.closures import Reopening


class ReopeningSubject:
    """Its key is the entity and the period; its version is how many certificates the period has."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        del hold  # the transaction that opens holds the gates
        check_version(change, await _certified(tx, change))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        await _reopening(tx, change)

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        policy = await tx.policies.get(change.target.environment, Kind.PERIOD_CLOSE)
        return EVERYWHERE, await timed(tx, policy.decided(EVERYWHERE))

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        """From a period that is closed."""
        return told_difference(change, None, await _certified(tx, change))


async def _certified(tx: Transaction, change: ChangeSet) -> int:
    reopening = await _reopening(tx, change)
    return len(await tx.closures.certificates(reopening.entity, reopening.period))


async def _reopening(tx: Transaction, change: ChangeSet) -> Reopening:
    wanted = UUID(change.target.content["reopening"])
    found = await tx.reopenings.get(wanted)
    if found is None:
        raise missing(wanted)
    return found
