"""A change that was withdrawn, refused or taken back has no commands any more."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from application.ports.store import Transaction
from domain.approvals import Standing
from domain.changes import ChangeStatus
from domain.commands import CommandRecord
from domain.rollouts import State

REFUSED: Final = frozenset({Standing.REJECTED, Standing.EXPIRED, Standing.WITHDRAWN, Standing.INVALIDATED})
TAKEN_BACK: Final = frozenset({State.CANCELLED, State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE, State.ROLLED_BACK})
"""What ends before it is served ends with its approval, too."""


async def revoked_changes(tx: Transaction, records: Iterable[CommandRecord]) -> set[UUID]:
    named = {each.command.options.change for each in records}
    return {change for change in named if change is not None and await _revoked(tx, change)}


async def _revoked(tx: Transaction, id_: UUID) -> bool:
    """Its approval and its rollout have its id."""
    change = await tx.changes.get(id_)
    if change is not None and change.status is ChangeStatus.WITHDRAWN:
        return True
    approval = await tx.approvals.get(id_)
    if approval is not None and approval.standing in REFUSED:
        return True
    rollout = await tx.rollouts.get(id_)
    return rollout is not None and rollout.state in TAKEN_BACK
