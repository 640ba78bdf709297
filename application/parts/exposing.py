"""A stage is served by writing the parts that it has, some tenants at a time where they are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from application.locking.closes import check_closes, heeds_closes
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
TRIES = 3
"""A tenant of a batch that has refused so many times cannot take it."""
_TOLD = 20


@dataclass(frozen=True)
class Exposed:
    """`version` is the rollout's live version then; not `done`: ask again in a new transaction.

    `refused`: whoever is left has refused, and wants a while before it is asked again.
    """

    version: int
    done: bool
    refused: bool = False


@dataclass(frozen=True)
class _Patience:
    """How often a tenant may refuse before it is skipped, and how many may be."""

    tries: int
    skips: int


async def expose(tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int, *, most: int = MOST) -> Exposed:
    """At most so many tenants at a time, all at once where a switch is one moment.

    Who refuses in a batch is asked again after the others. Raises what a kind of target refuses, or TenantsRefuse
    where more tenants do than the plan allows.
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
    served = await _serve(tx, job, waiting[:at_once], _patience(job, parts))
    left = [each for each in served if each.unserved] + [group[0] for group in waiting[at_once:]]
    return Exposed(rollout.live_version + 1, done=not left, refused=all(each.refusals for each in left))


def _patience(job: Job, parts: Sequence[Part]) -> _Patience:
    """Only batches let anybody be skipped: elsewhere the first refusal stops all."""
    if job.plan.batches is None:
        return _Patience(tries=1, skips=0)
    skipped = {each.tenant for each in parts if each.state is PartState.SKIPPED and each.why != WrittenSince.kind}
    return _Patience(TRIES, job.plan.batches.max_failed - len(skipped))


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
    await _serve(tx, Job(rollout, change, stage), _by_tenant(added), _Patience(tries=1, skips=len(new)))
    return len(new)


async def _serve(tx: Transaction, job: Job, tenants: Sequence[Sequence[Part]], patience: _Patience) -> list[Part]:
    """Each tenant whole or not at all; returns their parts as they stand now."""
    done: list[Part] = []
    refused: dict[str, str] = {}
    financial = not job.rollout.priority and await heeds_closes(tx, job.change)
    for parts in tenants:
        try:
            async with tx.within(parts[0].tenant) as inside:
                if financial:
                    await check_closes(inside, job.change.id)
                done += await write(inside, job, parts)
        except Unavailable:
            raise
        except WrittenSince as refusal:
            done += [each.skipped(refusal.kind) for each in parts]
        except Refusal as refusal:
            done += [each.refused(told(refusal), patience.tries) for each in parts]
            if done[-1].state is PartState.SKIPPED:
                refused[parts[0].slug] = told(refusal)
    if len(refused) > max(patience.skips, 0):
        raise TenantsRefuse(tenants=dict(list(refused.items())[:_TOLD]), refused=len(refused), stage=job.stage)
    await tx.parts.save(*done)
    return done


def told(refusal: Refusal) -> str:
    """In a line: what it is, and where."""
    faults = [f"{each.path} {each.message}" for each in getattr(refusal, "faults", ())]
    facts = [f"{name}={fact}" for name, fact in refusal.facts.items() if isinstance(fact, str | int)]
    return "; ".join([refusal.kind, *faults, *facts])[:500]


def _by_tenant(parts: Sequence[Part]) -> list[list[Part]]:
    """Who has refused comes after those who have not."""
    order = sorted(parts, key=lambda each: (each.refusals, each.ordinal))
    return [list(group) for _, group in groupby(order, key=lambda each: each.tenant)]
