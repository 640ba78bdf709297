"""The parts of one tenant are written or taken back together; checked first: a refusal leaves nothing behind."""

from collections.abc import Sequence

from application.parts import flag_parts, meaning_parts, setting_parts
from application.parts.job import Job
from application.parts.quick_way_back import plain
from application.ports.store import Transaction
from domain.changes import Kind
from domain.rollouts.parts import Part
from domain.tenants import Quota, QuotaExceeded


async def write(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """In order of the targets; raises what each kind refuses, before anything is written in another tenant."""
    flags, values, meanings = _by_kind(parts)
    values = [each for each in values if each.unserved]  # a value has no shares: once is enough
    held = await flag_parts.ready(tx, job, flags)
    work = await setting_parts.ready(tx, job, values) if values else None
    if job.elsewhere:
        await _check_quotas(tx, held, work.parts if work else [])
    written = await flag_parts.write(tx, job, held)
    if work is not None:
        written += await setting_parts.write(tx, job, work)
    return written + [await meaning_parts.write(tx, job, each) for each in meanings]


async def dry(tx: Transaction, job: Job, parts: Sequence[Part]) -> None:
    """Raises what `write` would."""
    flags, values, _ = _by_kind(parts)
    held = await flag_parts.ready(tx, job, flags)
    work = await setting_parts.ready(tx, job, values) if values else None
    await _check_quotas(tx, held, work.parts if work else [])


async def drifted(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """Those where something else is served than this rollout left there."""
    flags, values, meanings = _by_kind(parts)
    found = await flag_parts.drifted(tx, job, flags)
    found += await setting_parts.drifted(tx, job, values) if values else []
    return found + [each for part in meanings for each in await meaning_parts.drifted(tx, job, part)]


async def back(tx: Transaction, job: Job, parts: Sequence[Part], *, force: bool = False) -> list[Part]:
    """In the reverse order of the targets; unless it is forced, what somebody else wrote since is left alone."""
    flags, values, meanings = _by_kind(sorted(parts, key=lambda each: each.ordinal, reverse=True))
    done = [await meaning_parts.back(tx, job, each, force=force) for each in meanings]
    done += await setting_parts.back(tx, job, values, force=force) if values else []
    return done + await flag_parts.back(tx, job, flags, force=force)


async def together(tx: Transaction, job: Job, tenants: Sequence[Sequence[Part]]) -> list[Part]:
    """Of tenants below, as many as can go back in few statements for all of them; the others are left."""
    kinds = {part.kind for parts in tenants for part in parts}
    if kinds == {Kind.FLAG}:
        return await flag_parts.together(tx, job, tenants)
    return await setting_parts.together(tx, job, tenants) if kinds == {Kind.SETTING} and plain(job) else []


def _by_kind(parts: Sequence[Part]) -> tuple[list[Part], list[Part], list[Part]]:
    flags = [each for each in parts if each.kind is Kind.FLAG]
    values = [each for each in parts if each.kind is Kind.SETTING]
    return flags, values, [each for each in parts if each.kind not in {Kind.FLAG, Kind.SETTING}]


async def _check_quotas(tx: Transaction, flags: Sequence[Part], values: Sequence[Part]) -> None:
    """The database would say no when all is committed, and not of whom."""
    fresh = {
        Quota.FLAGS: sum(each.live_version == 0 for each in flags),
        Quota.SETTING_VALUES: sum(each.live_version == 0 for each in values),
    }
    if not any(fresh.values()):
        return
    limits, used = (await tx.tenants.own()).limits, await tx.tenants.used()
    for quota, more in fresh.items():
        most = limits.get(quota)
        if more and most is not None and used.get(quota, 0) + more > most:
            raise QuotaExceeded(quota=quota.value, limit=most, used=used.get(quota, 0))
