"""Going back is a new version of what was there before, the last part first; what drifted is left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from application.parts.job import WRITTEN_SINCE, Job
from application.parts.snapshotting import parts_of
from application.parts.writing import back, drifted, together
from application.ports.parts import Spot
from application.ports.store import Transaction
from domain.changes import ChangeSet
from domain.errors import Missing
from domain.rollouts import Rollout, Strategy
from domain.rollouts.parts import Part, PartState

MOST = 100
"""Tenants in one transaction, so that each ends well within the time that one try has."""


@dataclass(frozen=True)
class Restored:
    """`version` is the rollout's live version then; not `done`: ask again in a new transaction.

    `drifted` counts every part that was left alone, in this transaction or before.
    """

    version: int
    done: bool
    drifted: int


async def served(tx: Transaction, rollout: Rollout) -> bool:
    """Whether what this rollout wrote last is what is served now; where it wrote nothing, what was there before.

    A tenant below that has written for itself since does not stop the others: its part has drifted.
    """
    job = await _job(tx, rollout)
    parts = await parts_of(tx, rollout, job.change)
    if not job.elsewhere:
        return not await drifted(tx, job, [each for each in parts if each.state in _OURS])
    written, foreign = [each for each in parts if each.written], []
    for group in _by_tenant(await _moved(tx, job, written)):
        async with tx.within(group[0].tenant) as inside:
            foreign += await drifted(inside, job, group)
    await tx.parts.save(*(each.drifted(WRITTEN_SINCE) for each in foreign))
    return not written or len(foreign) < len(written)


async def restore(
    tx: Transaction, rollout: Rollout, *, most: int = MOST, force: bool = False, stage: int | None = None
) -> Restored:
    """At most so many tenants at a time; forced, it goes over what somebody else wrote; with a `stage`, its parts."""
    job = await _job(tx, rollout)
    parts_there = await parts_of(tx, rollout, job.change)
    groups = _by_tenant([each for each in parts_there if _goes_back(each, force=force) and stage in {None, each.stage}])
    at_once = len(groups) if rollout.plan.strategy is Strategy.BLUE_GREEN else min(most, MOST)
    version = rollout.live_version
    done = await together(tx, job, groups[:at_once]) if job.elsewhere and not force else []
    back_already = {each.tenant for each in done}
    for parts in groups[:at_once]:
        if not job.elsewhere:
            done += await back(tx, job, parts, force=force)
        elif parts[0].tenant not in back_already:
            async with tx.within(parts[0].tenant) as inside:
                done += await back(inside, job, parts, force=force)
    await tx.parts.save(*done)
    gone = [each for each in done if each.state is PartState.RESTORED]
    if gone:
        version = gone[0].live_version if _single(job) else version + 1
    left = await tx.parts.count(rollout.id)
    return Restored(version, len(groups) <= at_once, left.get(PartState.DRIFTED, 0))


async def _moved(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """Where another version is the newest, by whomever; looked at all at once, and hence rarely one by one."""
    spots = {each.ordinal: Spot(each.tenant, each.kind, *job.spot(each)) for each in parts}
    there = await tx.parts.newest(job.environment, list(spots.values()))
    return [each for each in parts if there.get(spots[each.ordinal]) != each.live_version]


_OURS = {PartState.PENDING, PartState.APPLIED, PartState.RESTORED}


def _goes_back(part: Part, *, force: bool) -> bool:
    return part.written or (force and part.state is PartState.DRIFTED)


async def _job(tx: Transaction, rollout: Rollout) -> Job:
    change: ChangeSet | None = await tx.changes.get(rollout.change)
    if change is None:
        raise Missing(kind_of_thing="change", id=str(rollout.change))
    return Job(rollout, change, rollout.stage or 0)


def _single(job: Job) -> bool:
    return not job.elsewhere and len(job.change.content.targets) == 1


def _by_tenant(parts: Sequence[Part]) -> list[list[Part]]:
    """The tenant that was written last comes first."""
    order = sorted(parts, key=lambda each: each.ordinal, reverse=True)
    return [list(group) for _, group in groupby(order, key=lambda each: each.tenant)]
