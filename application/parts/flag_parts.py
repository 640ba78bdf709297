"""Parts that are flags: each is written over the version that was seen, and goes back to the one before the first."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from application.definitions import check_together, linking_faults, needed_by
from application.events.telling import tell_flag
from application.parts.as_before import WrittenSince, definition_before, still_there, wrote_last
from application.parts.job import WRITTEN_SINCE, Job
from application.ports.parts import Spot
from application.ports.records import StoredFlag
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.errors import Unavailable
from domain.flags import SHARED_RULES, WHOLE
from domain.rollouts import TOTAL_WEIGHT, StaleGeneration, exposed
from domain.rollouts.exposure import by_subject
from domain.rollouts.parts import Part


async def ready(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """The parts with what they go over, locked; a refusal where one cannot be written."""
    versions = await _held(tx, job, parts)
    found = [
        replace(each, base_version=versions[each.key], live_version=versions[each.key]) if job.unbased(each) else each
        for each in parts
    ]
    for part in found:
        if versions[part.key] != part.live_version:
            raise StaleGeneration(key=part.key, present_version=versions[part.key], live_version=part.live_version)
        if job.before and not await still_there(tx, wrote_last(job.before, part), part.base_version):
            raise WrittenSince(key=part.key)
        if job.elsewhere:
            await tx.flags.get(part.environment, SHARED_RULES, lock=True)
    if job.elsewhere:
        await check_together(tx, job.environment, {each.key: await _content(tx, job, each) for each in found})
    return found


async def write(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """What the stage serves."""
    origin, written = f"rollout:{job.rollout.id}:stage:{job.stage}", []
    contents = {part.key: await _content(tx, job, part) for part in parts}
    for part in parts:
        definition = await _exposed(tx, job, part, contents[part.key])
        version = part.live_version + 1
        flag = StoredFlag(part.environment, part.key, version, definition, origin, None, tx.now)
        written.append(part.applied(version, await _put(tx, job, flag, Action.FLAG_EXPOSED)))
    # The write holds the flag set: what was committed since the look before is seen now.
    if not job.elsewhere:
        await check_together(tx, job.environment, contents)
    elif await linking_faults(tx, job.environment, contents):
        raise Unavailable  # nothing of it stays; asked again, the tenant refuses before anything is written
    return at_the_last(written)


async def drifted(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """Those of which another version is there than was written last; all of them are held."""
    versions = await _held(tx, job, parts)
    return [each for each in parts if versions[each.key] != each.live_version]


async def back(tx: Transaction, job: Job, parts: Sequence[Part], *, force: bool) -> list[Part]:
    """Over what was written last; forced, over whatever is there."""
    versions, done, restored = await _held(tx, job, parts), [], []
    for part in parts:
        if versions[part.key] != part.live_version and not force:
            done.append(part.drifted(WRITTEN_SINCE))
            continue
        stable = await _version(tx, part, part.base_version)
        if stable is None:  # the rollout created it: there is nothing to go back to but its absence of effect
            written = await _version(tx, part, part.live_version)
            stable = WHOLE.get(part.key, {**(written or {}), "state": "DISABLED"})
        flag = _again(tx, job, part, versions[part.key] + 1, stable)
        restored.append(part.restored(flag.version, await _put(tx, job, flag, Action.FLAG_RESTORED)))
    return [*done, *at_the_last(restored)]


async def together(tx: Transaction, job: Job, tenants: Sequence[Sequence[Part]]) -> list[Part]:
    """Of tenants below, in few statements, all those where the flags were there before and are as they were left."""
    spots = {part.ordinal: Spot(part.tenant, part.kind, part.key) for parts in tenants for part in parts}
    in_order = [part for parts in tenants for part in sorted(parts, key=lambda each: each.key)]  # as whoever holds many
    held = await tx.parts.hold(job.environment, {spots[part.ordinal]: part.base_version for part in in_order})
    present = {spot: version for spot, (version, _) in held.items()}
    ours = [parts for parts in tenants if all(present.get(spots[each.ordinal]) == each.live_version for each in parts)]
    flags = [
        (part, _again(tx, job, part, part.live_version + 1, held[spots[part.ordinal]][1]))
        for parts in ours
        for part in parts
    ]
    revisions = await tx.parts.put_back([(part.tenant, flag) for part, flag in flags])
    done = []
    for (part, flag), revision in zip(flags, revisions, strict=True):
        await _told(tx.beside(part.tenant), job, flag, Action.FLAG_RESTORED)
        done.append(part.restored(flag.version, revision))
    return [part for _, each in groupby(done, key=lambda part: part.tenant) for part in at_the_last(list(each))]


def at_the_last(parts: Sequence[Part]) -> list[Part]:
    """All of them are served from the revision of the one that was written last."""
    return [replace(each, revision=parts[-1].revision) for each in parts]


async def _exposed(tx: Transaction, job: Job, part: Part, content: Json) -> Json:
    base = await _version(tx, part, part.base_version) if job.weight < TOTAL_WEIGHT else None
    if not base:
        return content
    # Who is in the one arm stays there: a rollout splits as it did when it began, whoever names the flag since.
    begun = await _version(tx, part, part.base_version + 1) if part.live_version > part.base_version else None
    named = by_subject(begun) if begun else bool(await needed_by(tx, part.environment, part.key))
    return exposed(base, content, job.weight, by_instance=job.by_instance, named=named)


async def _held(tx: Transaction, job: Job, parts: Sequence[Part]) -> dict[str, int]:
    """Present versions. All rows are taken before anything is written: writing takes the flag set as well."""
    found = {}
    for key in sorted(each.key for each in parts):
        flag = await tx.flags.get(job.environment, key, lock=True)
        found[key] = flag.version if flag else 0
    return found


async def _content(tx: Transaction, job: Job, part: Part) -> Json:
    """What everybody gets in the end."""
    if job.before is None:
        return job.target(part).content
    return await definition_before(tx, wrote_last(job.before, part))


async def _version(tx: Transaction, part: Part, version: int) -> Json | None:
    return await tx.flags.version(part.environment, part.key, version) if version else None


async def _put(tx: Transaction, job: Job, flag: StoredFlag, action: Action) -> int:
    """Over the version before it; the revision of the flag set then."""
    revision = await tx.flags.put(flag, expected=flag.version - 1)
    await _told(tx, job, flag, action)
    return revision


def _again(tx: Transaction, job: Job, part: Part, version: int, definition: Json) -> StoredFlag:
    """As it was, in the name of nobody."""
    return StoredFlag(part.environment, part.key, version, definition, f"rollback_of:{job.rollout.id}", None, tx.now)


async def _told(tx: Transaction, job: Job, flag: StoredFlag, action: Action) -> None:
    written = {"version": flag.version, "definition": flag.definition, "origin": flag.origin}
    await record(tx, action, ("flag", f"{flag.environment}/{flag.key}"), change=job.change.id,
                 before={"version": flag.version - 1}, after=written)  # fmt: skip
    await tell_flag(tx, flag, action, job.rollout)
