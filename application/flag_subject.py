"""Flags as a subject of changes, each by itself."""

from application.definitions import check_together
from application.going_before import left_to
from application.policies import decided
from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, Reach, difference
from domain.flags.whole import at_first


class FlagSubject:
    """A flag, or what all flags of a set have in common."""

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        contents = {each.key: each.content for each in change.content.targets}
        await check_together(tx, change.target.environment, contents)

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        return EVERYWHERE, await decided(tx, [change.target.environment], Kind.FLAG, EVERYWHERE)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        left = await left_to(tx, change.content)
        base = left.get(target.place) or await tx.flags.version(target.environment, target.key, target.base_version)
        base = at_first(target.key) if base is None else base
        present = await tx.flags.get(target.environment, target.key)
        version = present.version if present else 0
        return {
            "target": {"environment": target.environment.value, "kind": target.kind.value, "key": target.key},
            "base_version": target.base_version,
            "present_version": version,
            "moved": version != target.base_version,
            "changes": difference(base, target.content),
        }
