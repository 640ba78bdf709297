"""Before the first stage it is fixed which targets of which tenants a rollout has, and from which stage each."""

from application.ports.store import Transaction
from domain.changes import ChangeSet
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState


async def snapshot(tx: Transaction, rollout: Rollout, change: ChangeSet) -> int:
    """Returns how many stages there are. What was fixed once stays."""
    await parts_of(tx, rollout, change)
    return len(rollout.plan.stages)


async def parts_of(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[Part]:
    """Those that are fixed, or are fixed now."""
    found = await tx.parts.of(rollout.id)
    if not found:
        found = await _own(tx, rollout, change)
        await tx.parts.add(found)
    return found


async def _own(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[Part]:
    """One for each target; of a rollout that was open before there were parts, as far as it has come."""
    slug = (await tx.tenants.own()).slug
    moved = rollout.live_version - rollout.base_version
    state = PartState.APPLIED if moved else PartState.PENDING
    return [
        Part(
            rollout.id, ordinal, change.tenant, slug, target.environment, target.kind, target.key,
            target.base_version, target.base_version + moved, 0, state,
        )
        for ordinal, target in enumerate(change.content.targets)
    ]  # fmt: skip
