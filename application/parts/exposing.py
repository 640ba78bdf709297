"""A stage is served by writing the parts that it has, some tenants at a time where they are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from application.parts.as_before import WrittenSince, job_of
from application.parts.job import Job
from application.parts.snapshotting import parts_for, parts_of
from application.parts.writing import write
from application.ports.store import Transaction
from application.tenancy.choosing import chosen
from domain.changes import ChangeSet
from domain.errors import Refusal, Unavailable
from domain.rollouts import Rollout, Strategy
from domain.rollouts.parts import Part, PartState, TenantsRefuse

MOST = 100
"""Tenants in one transaction: so many are written well within the time in which a worker must be heard of."""
_TOLD = 20


@dataclass(frozen=True)
class Exposed:
    """`version` is the rollout's live version then; not `done`: ask again in a new transaction."""

    version: int
    done: bool


async def expose(tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int, *, most: int = MOST) -> Exposed:
    """At most so many tenants at a time, all at once where a switch is one moment.

    Raises what a kind of target refuses, or TenantsRefuse where more tenants do than the plan allows.
    """
    job = await job_of(tx, rollout, change, stage)
    parts = await parts_of(tx, rollout, change)
    if not job.elsewhere:
        written = await write(tx, job, parts)
        await tx.parts.save(*written)
        single = written[0].live_version if len(parts) == 1 and written else None
        return Exposed(single or rollout.live_version + 1, done=True)
    waiting = _by_tenant([each for each in parts if each.unserved and each.stage <= stage])
    at_once = len(waiting) if rollout.plan.strategy is Strategy.BLUE_GREEN else min(most, MOST)
    skipped = {each.tenant for each in parts if each.state is PartState.SKIPPED and each.why != WrittenSince.kind}
    await _serve(tx, job, waiting[:at_once], already=len(skipped))
    return Exposed(rollout.live_version + 1, done=len(waiting) <= at_once)


async def late(tx: Transaction, rollout: Rollout, change: ChangeSet) -> int:
    """How many tenants get it now that were made while it was rolled out; one that cannot take it is skipped."""
    if change.content.tenants is None:
        return 0
    parts = await parts_of(tx, rollout, change)
    known = {each.tenant for each in parts}
    new = [each for each in await chosen(tx, change.content.tenants) if each.id not in known]
    stage = rollout.stage or 0
    added = parts_for(rollout, change, new, {each.slug: stage for each in new}, after=len(parts))
    await tx.parts.add(added)
    await _serve(tx, Job(rollout, change, stage), _by_tenant(added), already=0, allowed=len(new))
    return len(new)


async def _serve(
    tx: Transaction, job: Job, tenants: Sequence[Sequence[Part]], *, already: int, allowed: int | None = None
) -> None:
    """Each tenant whole or not at all."""
    if allowed is None:
        allowed = job.plan.batches.max_failed if job.plan.batches else 0
    done: list[Part] = []
    refused: dict[str, str] = {}
    for parts in tenants:
        try:
            async with tx.within(parts[0].tenant) as inside:
                done += await write(inside, job, parts)
        except Unavailable:
            raise
        except WrittenSince as refusal:
            done += [each.skipped(refusal.kind) for each in parts]
        except Refusal as refusal:
            refused[parts[0].slug] = told(refusal)
            done += [each.skipped(told(refusal)) for each in parts]
    if refused and already + len(refused) > allowed:
        raise TenantsRefuse(tenants=dict(list(refused.items())[:_TOLD]), refused=len(refused), stage=job.stage)
    await tx.parts.save(*done)


def told(refusal: Refusal) -> str:
    """In a line: what it is, and where."""
    faults = [f"{each.path} {each.message}" for each in getattr(refusal, "faults", ())]
    facts = [f"{name}={fact}" for name, fact in refusal.facts.items() if isinstance(fact, str | int)]
    return "; ".join([refusal.kind, *faults, *facts])[:500]


def _by_tenant(parts: Sequence[Part]) -> list[list[Part]]:
    order = sorted(parts, key=lambda each: each.ordinal)
    return [list(group) for _, group in groupby(order, key=lambda each: each.tenant)]
