"""Going back is a new version of what was there before, the last part first; what drifted is left alone."""

from dataclasses import dataclass, replace

from application.every_subject import subject_of
from application.ports.store import Transaction
from domain.rollouts import Rollout
from domain.rollouts.parts import PartState

MOST = 1_000


@dataclass(frozen=True)
class Restored:
    """`version` is the rollout's live version then; not `done`: ask again in a new transaction."""

    version: int
    done: bool
    drifted: int


async def served(tx: Transaction, rollout: Rollout) -> bool:
    """Whether what this rollout wrote last is what is served now."""
    return await subject_of(rollout.kind).served(tx, rollout)


async def restore(tx: Transaction, rollout: Rollout, *, most: int = MOST, force: bool = False) -> Restored:
    """At most so many tenants at a time; forced, it goes over what somebody else wrote."""
    del most
    parts = await tx.parts.of(rollout.id)
    if not force and not await subject_of(rollout.kind).served(tx, rollout):
        drifted = [each.drifted("written since") for each in parts if each.written]
        await tx.parts.save(*drifted)
        return Restored(rollout.live_version, done=True, drifted=len(drifted))
    version = await subject_of(rollout.kind).restore(tx, rollout)
    moved = version - rollout.base_version
    await tx.parts.save(
        *(
            replace(each, live_version=each.base_version + moved, state=PartState.RESTORED)
            for each in parts
            if each.written
        )
    )
    return Restored(version, done=True, drifted=0)
