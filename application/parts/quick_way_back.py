"""Most values go back plainly: ours is the newest and holds for good, and what held until then holds again."""

from collections.abc import Sequence
from datetime import datetime

from application.parts.job import Job
from application.ports.settings import StoredEntry
from application.ports.store import Transaction
from application.settings.house import House, continued
from application.settings.past import NEWEST
from application.settings.plan import Pen, Plan, pictured
from application.settings.wishes import Wish
from domain.environments import Environment
from domain.rollouts.parts import Part
from domain.settings import Entry, EntryState, Held, Scope, inserted

TWO = 2
_TIMES = {"since", "until", "cancels"}


async def quickly(tx: Transaction, job: Job, pen: Pen, parts: Sequence[Part], at: datetime) -> Plan | None:
    """One look at each place; None where any of them needs more than that."""
    newest = [await tx.settings.history(job.environment, *job.spot(part), NEWEST, TWO) for part in parts]
    return plainly(job, pen, list(zip(parts, newest, strict=True)), at)


def plainly(job: Job, pen: Pen, parts: Sequence[tuple[Part, Sequence[StoredEntry]]], at: datetime) -> Plan | None:
    """With the two newest versions of each."""
    if not plain(job):
        return None
    house = House(job.environment, {})
    plan = Plan(at, house, pictured(house), {})
    for part, newest in parts:
        key, scope = job.spot(part)
        if _TIMES & set(job.target(part).content) or not _plain(job, part, newest):
            return None
        ours, before = newest[0].entry, newest[1].entry if part.base_version else None
        house.shelves.setdefault(key, {})[scope] = (Held(ours),)
        plan.latest[key, scope] = ours.version
        wish = _again(key, Scope(scope), before)
        entry = plan.entry(pen, wish, f"as it was before version {ours.version}")
        plan.take(pen, wish, inserted(house.held(key, wish.scope), entry, at))
    return plan


def plain(job: Job) -> bool:
    """In staging nothing is: another environment may fall back to it."""
    return job.environment is not Environment.STAGING


def _again(key: str, scope: Scope, before: Entry | None) -> Wish:
    if before is None:
        return Wish(key, scope, EntryState.UNSET)
    constraint = before.constraint.to_json() if before.constraint else None
    return Wish(key, scope, before.state, before.value, before.enforced, constraint)


def _plain(job: Job, part: Part, newest: Sequence[StoredEntry]) -> bool:
    """Where there is a plan, what is newest is a piece that goes on after it."""
    if not newest or continued(newest[0]) is not None or job.writers(part) != [newest[0].entry.change]:
        return False
    ours = newest[0].entry
    if ours.version != part.live_version or ours.until is not None:
        return False
    if part.base_version == 0:
        return len(newest) == 1
    before = newest[-1].entry
    held = before.since != before.until == ours.since
    return before.version == part.base_version and held and before.meant_until is None
