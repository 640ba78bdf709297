"""What production does not say of a key that falls back is what staging says, and changes with it.

It is written down in production, as if it were a scope before the tenant: whoever reads there reads one environment.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from application.ports.store import Transaction
from application.settings.checks import check_rules
from application.settings.house import House, furnished_around
from application.settings.plan import Pen, Plan, pictured
from application.settings.wishes import Wish
from domain.environments import Environment
from domain.settings import Entry, EntryState, Held, RulesViolated, Scope, keys_beside, parse_rules, replaced
from domain.settings.scopes import FALLBACK

PRODUCTION = Environment.PRODUCTION
ROOT, HEIR = Scope(), Scope(FALLBACK)
ORIGIN = "falls_back"


async def looked_beyond(tx: Transaction, plan: Plan) -> None:
    """Checks the plan in production, too, where that falls back to what it writes; raises RulesViolated.

    Production then has a say in who must approve, unless it says something of its own for good.
    """
    keys = _falling(plan)
    if not keys:
        return
    rules = parse_rules((await tx.settings.rulebook()).rules)
    at = await tx.settings.lock(PRODUCTION)
    house = await furnished_around(tx, PRODUCTION, keys | keys_beside(rules, keys), {ROOT}, at)
    beyond = Plan(at, pictured(house), house, {}, plan.steps)
    for key in keys:
        beyond.house.shelves.setdefault(key, {})[FALLBACK] = tuple(map(Held, _mirrored(plan, key, at, 0)))
    if any(not _said_for_good(house, key, at) for key in keys):
        plan.beyond = (beyond,)
    try:
        await asyncio.to_thread(check_rules, rules, beyond)
    except RulesViolated as refusal:
        told = (replace(each, message=f"in production, which has it from staging: {each.message}")
                for each in refusal.faults)  # fmt: skip
        refusal.faults = tuple(told)
        raise


async def heirs(tx: Transaction, pen: Pen, plan: Plan) -> Plan | None:
    """What is to be written in production beside what the plan writes in staging; None where that is nothing."""
    keys = _falling(plan)
    if not keys:
        return None
    at = await tx.settings.lock(PRODUCTION)
    house = await furnished_around(tx, PRODUCTION, keys, {HEIR}, at)
    latest = await tx.settings.latest(PRODUCTION, keys, [FALLBACK])
    below = Plan(at, house, pictured(house), latest)
    written = replace(pen, origin=ORIGIN, request=None)
    for key in sorted(keys):
        entries = list(_mirrored(plan, key, at, latest.get((key, FALLBACK), 0)))
        rewrite = replaced(house.held(key, HEIR), entries, at)
        if rewrite.ends or any(each.state is EntryState.SET for each in entries):
            below.take(written, Wish(key, HEIR, EntryState.UNSET), rewrite)
    return below if below.steps else None


def told_of(environments: Collection[Environment]) -> set[Environment]:
    """Where something may change when somebody writes in these."""
    return {*environments, PRODUCTION} if Environment.STAGING in environments else {*environments}


def _falling(plan: Plan) -> frozenset[str]:
    """The keys of the plan that production has from the tenant in staging."""
    house = plan.house
    if house.environment is not Environment.STAGING:
        return frozenset()
    return frozenset(
        step.wish.key for step in plan.steps if step.wish.scope == ROOT and house.definitions[step.wish.key].fallback
    )


def _mirrored(plan: Plan, key: str, at: datetime, version: int) -> Iterator[Entry]:
    """What staging says, or takes back, from `at` on, without its hold over others: production has only the values."""
    for held in sorted(plan.house.held(key, ROOT), key=lambda each: each.entry.since):
        entry = held.entry
        if entry.until is None or entry.until > max(entry.since, at):
            version += 1
            since = max(entry.since, at)
            yield replace(entry, version=version, enforced=False, constraint=None, since=since)


def _said_for_good(house: House, key: str, at: datetime) -> bool:
    """Whether the tenant itself says something in production, without an end and with nothing planned."""
    held = [each.entry for each in house.held(key, ROOT) if each.entry.until is None or each.entry.until > at]
    return [(each.state, each.until, each.covers(at)) for each in held] == [(EntryState.SET, None, True)]
