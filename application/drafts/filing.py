"""A draft is in the trail of its change from its first moment on."""

from application.ports.store import Transaction
from application.recording import record, reverted
from domain.audit import Action
from domain.changes import ChangeSet
from domain.people import Actor
from domain.settings import shown


async def filed(tx: Transaction, actor: Actor, change: ChangeSet) -> None:
    """Once, however often it is sent; if it takes another back, that one's trail says so."""
    if not await tx.changes.add(change):
        return
    await record(
        tx, Action.CHANGE_CREATED, ("change", change.id), actor=actor, change=change.id, reason=change.reason,
        after={"digest": change.digest, "content": shown(change.content.to_json())},
    )  # fmt: skip
    if change.reverts is not None:
        await reverted(tx, actor, change.reverts, change.id, change.reason)
