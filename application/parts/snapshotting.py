"""Before the first stage it is fixed which targets of which tenants a rollout has, and from which stage each."""

from collections.abc import Mapping, Sequence

from application.bases import over_the_same
from application.ports.store import Transaction
from application.tenancy.choosing import candidate, chosen
from domain.changes import ChangeSet
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState
from domain.rollouts.reached import stages_of
from domain.tenants import Tenancy


async def snapshot(tx: Transaction, rollout: Rollout, change: ChangeSet) -> int:
    """Returns how many stages there are. What was fixed once stays; Invalid where nobody could begin."""
    parts = await parts_of(tx, rollout, change)
    if rollout.plan.batches is not None:
        return max((each.stage for each in parts), default=0) + 1
    return len(rollout.plan.stages)


async def parts_of(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[Part]:
    """Those that are fixed, or are fixed now."""
    found = await tx.parts.of(rollout.id)
    if not found:
        found = (
            await _own(tx, rollout, change) if change.content.tenants is None else await _theirs(tx, rollout, change)
        )
        await tx.parts.add(found)
    return found


async def _own(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[Part]:
    """One for each target; of a rollout that was open before there were parts, as far as it has come."""
    slug = (await tx.tenants.own()).slug
    moved = rollout.live_version - rollout.base_version
    state = PartState.APPLIED if moved else PartState.PENDING
    targets = change.content.targets if moved else (await over_the_same(tx, change)).content.targets
    return [
        Part(
            rollout.id, ordinal, change.tenant, slug, target.environment, target.kind, target.key,
            target.base_version, target.base_version + moved, 0, state,
        )
        for ordinal, target in enumerate(targets)
    ]  # fmt: skip


async def _theirs(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[Part]:
    """In the order in which they are written: by stage, then as the plan orders them, then by target."""
    tenants = {each.slug: each for each in await chosen(tx, change.content.tenants)}
    stages = stages_of(rollout.plan, change.salt, [candidate(each) for each in tenants.values()])
    return parts_for(rollout, change, list(tenants.values()), stages)


def parts_for(
    rollout: Rollout, change: ChangeSet, tenants: Sequence[Tenancy], stages: Mapping[str, int], *, after: int = 0
) -> list[Part]:
    """Ordinals go on from `after`."""
    order = sorted(tenants, key=lambda each: (stages[each.slug], each.slug))
    places = [(tenancy, target) for tenancy in order for target in change.content.targets]
    return [
        Part(
            rollout.id, after + number, tenancy.id, tenancy.slug, target.environment, target.kind, target.key,
            0, 0, stages[tenancy.slug], PartState.PENDING,
        )
        for number, (tenancy, target) in enumerate(places)
    ]  # fmt: skip
