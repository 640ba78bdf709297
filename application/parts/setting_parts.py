"""Parts that are values of settings: all of one tenant take effect together, and go back together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from application.parts.as_before import WrittenSince, wrote_last
from application.parts.job import WRITTEN_SINCE, Before, Job
from application.parts.quick_way_back import TWO, plainly, quickly
from application.ports.parts import Spot
from application.ports.store import Transaction
from application.settings.carrying import carried_out, plan_for, planned
from application.settings.going_back import put_back
from application.settings.house import continued
from application.settings.overseeing import check_asked
from application.settings.past import NEWEST
from application.settings.plan import Pen, Plan
from application.settings.targets import order_of
from application.settings.wishes import Order
from domain.rollouts.parts import Part, PartState
from domain.settings import Entry


@dataclass(frozen=True)
class Ready:
    """What would be written, worked out and checked; `pen` says in whose name."""

    parts: list[Part]
    plan: Plan
    pen: Pen


async def ready(tx: Transaction, job: Job, parts: Sequence[Part]) -> Ready:
    """A refusal where one of them cannot be written as things are now; the environment's turn is taken."""
    at = await tx.settings.lock(job.environment)
    latest = await _latest(tx, job, parts)
    found = [
        replace(each, base_version=latest[each.key], live_version=latest[each.key]) if job.unbased(each) else each
        for each in parts
    ]
    change = job.about(found)
    pen = Pen(change.author, f"change:{change.id}", change=change.id)
    if job.before is not None:
        plan = await _as_before(tx, job.before, job, pen, found, at)
    else:
        plan = await planned(tx, pen, order_of(change, at), at)
    if not job.elsewhere:
        await check_asked(tx, change, plan)
    return Ready(found, plan, pen)


async def write(tx: Transaction, job: Job, work: Ready) -> list[Part]:
    """As it was worked out, in one epoch."""
    await carried_out(tx, work.pen, work.plan, job.change.reason)
    epoch = await tx.settings.bump(job.environment)
    return [each.applied(_newest(job, each, work.plan), epoch) for each in work.parts]


async def drifted(tx: Transaction, job: Job, parts: Sequence[Part]) -> list[Part]:
    """Those where somebody else has written since; nobody can any more until the transaction ends."""
    await tx.settings.lock(job.environment)
    unwritten = [each for each in parts if each.state is PartState.PENDING and not each.written]
    latest = await _latest(tx, job, unwritten) if unwritten else {}
    moved = [each for each in unwritten if latest[each.key] != each.base_version]
    return [*moved, *[each for each in parts if each not in unwritten and not await _is_ours(tx, job, each)]]


async def back(tx: Transaction, job: Job, parts: Sequence[Part], *, force: bool) -> list[Part]:
    """What held before the first that was written; the rules are not asked, for they held then."""
    at, epoch = await tx.settings.enter(job.environment)
    pen = _way_back(job)
    done: list[Part] = []
    plan, mine = await quickly(tx, job, pen, parts, at), list(parts)
    if plan is None:
        foreign = [] if force else await drifted(tx, job, parts)
        done = [each.drifted(WRITTEN_SINCE) for each in foreign]
        mine = [each for each in parts if each not in foreign]
        plan = await _thoroughly(tx, job, pen, mine, at)
    if mine:
        done += await _carried_back(tx, job, plan, mine, epoch)
    return done


async def together(tx: Transaction, job: Job, tenants: Sequence[Sequence[Part]]) -> list[Part]:
    """Of tenants below, all those where everything goes back plainly, in few statements; the others are left."""
    spots = {part.ordinal: Spot(part.tenant, part.kind, *job.spot(part)) for parts in tenants for part in parts}
    entered = await tx.parts.enter(job.environment, [parts[0].tenant for parts in tenants])
    newest = await tx.parts.values(job.environment, list(spots.values()), TWO)
    done: list[Part] = []
    for parts in tenants:
        at, epoch = entered[parts[0].tenant]
        plan = plainly(job, _way_back(job), [(part, newest[spots[part.ordinal]]) for part in parts], at)
        if plan is not None:
            done += await _carried_back(tx.beside(parts[0].tenant), job, plan, parts, epoch)
    return done


def _way_back(job: Job) -> Pen:
    return Pen(None, f"rollback_of:{job.rollout.id}", change=job.change.id)


async def _carried_back(tx: Transaction, job: Job, plan: Plan, parts: Sequence[Part], epoch: int) -> list[Part]:
    await carried_out(tx, _way_back(job), plan, f"rollback of {job.rollout.id}")
    return [each.restored(_newest(job, each, plan), epoch) for each in parts]


async def _thoroughly(tx: Transaction, job: Job, pen: Pen, parts: Sequence[Part], at: datetime) -> Plan:
    """Whatever else holds, is planned or was meant to come back there."""
    order = order_of(job.about(parts), at) if parts else Order(job.environment, (), job.change.reason)
    plan = await plan_for(tx, job.environment, order.wishes, frozenset(), at)
    ours = {each: await tx.settings.of_change(each) for each in {job.writers(part)[0] for part in parts}}
    wishes = {(wish.key, wish.scope.text): wish for wish in order.wishes}
    for part in parts:
        wish = wishes[job.spot(part)]
        plan.take(pen, wish, await put_back(tx, plan, pen, wish, ours[job.writers(part)[0]]))
    return plan


async def _as_before(
    tx: Transaction, before: Before, job: Job, pen: Pen, parts: Sequence[Part], at: datetime
) -> Plan:  # fmt: skip
    """What held before the change that is taken back; WrittenSince where somebody else has written after it."""
    theirs = Job(job.rollout, before.change)
    wrote = [wrote_last(before, part) for part in parts]
    for part in wrote:
        if not (await _is_ours(tx, theirs, part) or await _says_the_same(tx, theirs, part)):
            raise WrittenSince(key=part.key)
    return await _thoroughly(tx, theirs, pen, wrote, at)


async def _says_the_same(tx: Transaction, job: Job, part: Part) -> bool:
    """Whether what is newest there was said by this change as well: it went back and forth."""
    place = job.spot(part)
    newest = await tx.settings.history(part.environment, *place, NEWEST, 1)
    ours = [each.entry for each in await tx.settings.of_change(job.change.id) if (each.key, each.scope) == place]
    return bool(ours) and _said(newest[0].entry) == _said(ours[0])


def _said(entry: Entry) -> tuple[object, ...]:
    return entry.state, entry.value, entry.enforced, entry.constraint, entry.meant_until


async def _is_ours(tx: Transaction, job: Job, part: Part) -> bool:
    """What goes on after an entry was nobody's wish. A change that only cancelled a plan wrote nothing itself."""
    key, scope = job.spot(part)
    before, writers = NEWEST, job.writers(part)
    while newest := await tx.settings.history(part.environment, key, scope, before, 10):
        for each in newest:
            if continued(each) is None:
                cancelled = "cancels" in job.target(part).content and each.entry.version <= part.base_version
                return cancelled or each.entry.change in writers
        before = newest[-1].entry.version
    return False


async def _latest(tx: Transaction, job: Job, parts: Sequence[Part]) -> dict[str, int]:
    """Present versions by the keys of the parts."""
    places = {each.key: job.spot(each) for each in parts}
    keys, scopes = {key for key, _ in places.values()}, {scope for _, scope in places.values()}
    found = await tx.settings.latest(job.environment, keys, scopes)
    return {key: found.get(place, 0) for key, place in places.items()}


def _newest(job: Job, part: Part, plan: Plan) -> int:
    place = job.spot(part)
    return max((each.entry.version for each in plan.new if (each.key, each.scope) == place), default=part.live_version)
