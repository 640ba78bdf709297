"""A change over tenants is taken back tenant by tenant: each gets what it had, and who has moved is left alone."""

from uuid import UUID

from application.parts.job import Before, Job
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet, TenantChoice
from domain.errors import Conflict, Missing
from domain.rollouts import Rollout
from domain.rollouts.parts import Part


class WrittenSince(Conflict):
    """Somebody else has written there since, and is left alone."""

    kind = "written-since"


async def job_of(tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int = 0) -> Job:
    """With what the change that is taken back wrote, where the content is what was there before it."""
    choice = change.content.tenants
    undone = TenantChoice.of(choice).as_before if choice is not None else ""
    if not undone:
        return Job(rollout, change, stage)
    wrote = await tx.changes.get(UUID(undone))
    if wrote is None:
        raise Missing(kind_of_thing="change", id=undone)
    parts = {part.place: part for part in await tx.parts.of(wrote.id)}
    return Job(rollout, change, stage, Before(wrote, parts))


def wrote_last(before: Before, part: Part) -> Part:
    """What the change that is taken back wrote there; WrittenSince where it wrote nothing."""
    found = before.parts.get(part.place)
    if found is None or not found.written:
        raise WrittenSince(key=part.key)
    return found


async def still_there(tx: Transaction, wrote: Part, version: int) -> bool:
    """Whether this version of the flag says what was written there: what went back and forth has not moved."""
    if version == wrote.live_version:
        return True
    now = await tx.flags.version(wrote.environment, wrote.key, version)
    return bool(now == await tx.flags.version(wrote.environment, wrote.key, wrote.live_version))


async def definition_before(tx: Transaction, wrote: Part) -> Json:
    """What the flag was; of one that the change made nothing is left but its absence of effect."""
    if wrote.base_version:
        return await tx.flags.version(wrote.environment, wrote.key, wrote.base_version)
    written: Json = await tx.flags.version(wrote.environment, wrote.key, wrote.live_version)
    return {**(written or {}), "state": "DISABLED"}
