"""Parts that say what settings mean: one of them is a whole change, which its subject writes and takes back."""

from application.every_subject import MEANINGS
from application.parts.job import WRITTEN_SINCE, Job
from application.ports.store import Transaction
from domain.rollouts.parts import Part


async def write(tx: Transaction, job: Job, part: Part) -> Part:
    version = await MEANINGS[part.kind].expose(tx, job.rollout, job.change, job.stage)
    return part.applied(version, 0)


async def drifted(tx: Transaction, job: Job, part: Part) -> list[Part]:
    return [] if await MEANINGS[part.kind].served(tx, job.rollout) else [part]


async def back(tx: Transaction, job: Job, part: Part, *, force: bool) -> Part:
    """Over what was written last; forced, over whatever is there."""
    if not force and await drifted(tx, job, part):
        return part.drifted(WRITTEN_SINCE)
    return part.restored(await MEANINGS[part.kind].restore(tx, job.rollout), 0)
