"""What is done to parked commands is approved as a change is, and is no rollout: its own process does it."""

from application.commands.asking import policy_of
from application.ports.store import Transaction
from application.settings.meanings import told_difference
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Reach


class RepairSubject:
    """Its key is a command, or what is done to many; there is no version: whoever applies it looks again."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        """It was never written over anything."""

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        """Was checked when it was asked for, and is again when it is applied."""

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        reach = change.reach or EVERYWHERE
        return reach, await policy_of(tx, money=reach.financial) or ApprovalPolicy()

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        """From nothing: what a command carries is not told here."""
        del tx
        return told_difference(change, None, 0)
