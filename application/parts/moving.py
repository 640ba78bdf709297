"""What a change was written over has moved when its content is another: a version that went back has not."""

from application.every_subject import subject_of
from application.ports.store import Transaction
from domain.changes import BaseVersionConflict, ChangeSet
from domain.rollouts import Rollout


async def bases_moved(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[str]:
    """The keys of the targets whose content is not what it was."""
    try:
        await subject_of(rollout.kind).check_base(tx, change, hold=True)
    except BaseVersionConflict:
        return [target.key for target in change.content.targets]
    return []
