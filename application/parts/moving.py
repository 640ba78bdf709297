"""Before anything of a rollout is written, its bases are looked at once more."""

from application.bases import check_bases
from application.every_subject import MEANINGS
from application.ports.store import Transaction
from domain.changes import BaseVersionConflict, ChangeSet
from domain.rollouts import Rollout


async def bases_moved(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[str]:
    """The keys of the targets whose content is not what it was; held, they cannot move any more.

    What was taken over from an older rollout is where that one left it.
    """
    taken = {(each.kind, each.key) for each in await tx.parts.of(rollout.id) if each.written}
    if change.content.tenants is not None or len(taken) == len(change.content.targets):
        return []
    left = change.about(each for each in change.content.targets if each.place not in taken)
    try:
        if change.target.kind in MEANINGS:
            await MEANINGS[change.target.kind].check_base(tx, change, hold=True)
        else:
            await check_bases(tx, left, hold=True)
    except BaseVersionConflict as conflict:
        moved = conflict.facts.get("moved")
        return [str(key) for key in moved] if isinstance(moved, list) else [change.target.key]
    return []
