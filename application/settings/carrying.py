"""An order is worked out and checked on a picture of the environment, and then carried out as it was worked out."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from application.events.telling import tell_values
from application.ports.store import Transaction
from application.recording import event_of
from application.settings.checks import check_policies, check_rules, check_versions, faults_of, sound
from application.settings.driving import check_driven
from application.settings.house import continued, furnished_around, known
from application.settings.inheriting import heirs, looked_beyond
from application.settings.plan import Pen, Plan, Step, pictured
from application.settings.wishes import Order, Wish
from domain.audit import Action, Event
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import (
    Entry,
    EntryState,
    Held,
    Rule,
    ScheduleOverlaps,
    cancelled,
    inserted,
    keys_beside,
    parse_rules,
    shown,
)

AT_ONCE = 200

Part = TypeVar("Part")


async def planned(tx: Transaction, pen: Pen, order: Order, at: datetime) -> Plan:
    """The order worked out and checked, in a thread: a large one takes a while, and others want to be answered."""
    rulebook = await tx.settings.rulebook()
    rules = await asyncio.to_thread(parse_rules, rulebook.rules)
    read = keys_beside(rules, {wish.key for wish in order.wishes})
    plan = await plan_for(tx, order.environment, order.wishes, read, at)
    ended = [place for place, wish in enumerate(order.wishes) if wish.cancels is not None]
    beneath = {place: await everything_held(tx, plan, order.wishes[place]) for place in ended}
    plan = await asyncio.to_thread(_worked_out, plan, rules, pen, order, beneath)
    await looked_beyond(tx, plan)
    await check_driven(tx, plan)
    return plan


def _worked_out(
    plan: Plan, rules: Sequence[Rule], pen: Pen, order: Order, beneath: Mapping[int, Sequence[Held]]
) -> Plan:
    """`beneath` is everything at the places where a plan is cancelled."""
    if len(order.wishes) == 1:
        known(plan.house, order.wishes[0].key)
    faults = faults_of(order.wishes, order.reason, plan)
    if not faults:
        check_versions(order.wishes, plan)
    written = []
    for place in sound(faults, order.wishes):
        wish = order.wishes[place]
        if wish.cancels is not None:
            plan.take(pen, wish, cancelled(beneath[place], wish.cancels, plan.at, fresh=plan.fresh(wish)))
            continue
        entry = plan.entry(pen, wish, order.reason)
        with suppress(*([ScheduleOverlaps] if faults else [])):  # the order is refused in any case
            plan.take(pen, wish, inserted(plan.house.held(wish.key, wish.scope), entry, plan.at))
            written.append((place, wish, entry))
    check_policies(written, plan, faults)
    check_rules(rules, plan)
    return plan


async def plan_for(
    tx: Transaction, environment: Environment, wishes: tuple[Wish, ...], ruled: frozenset[str], at: datetime
) -> Plan:
    keys = {wish.key for wish in wishes}
    house = await furnished_around(tx, environment, keys | ruled, {wish.scope for wish in wishes}, at)
    latest = await tx.settings.latest(environment, keys, {wish.scope.text for wish in wishes})
    return Plan(at, house, pictured(house), latest)


async def everything_held(tx: Transaction, plan: Plan, wish: Wish) -> tuple[Held, ...]:
    """What holds or will at the wish's scope, and what lies beneath it and may come back."""
    environment, scope = plan.house.environment, wish.scope.text
    beneath = await tx.settings.underlying(environment, wish.key, scope, plan.at)
    return (*plan.house.held(wish.key, wish.scope), *(Held(each.entry, continued(each)) for each in beneath))


async def carried_out(tx: Transaction, pen: Pen, plan: Plan, reason: str) -> None:
    """First everything that ends, then what comes in its place: the database lets nothing overlap."""
    if pen.person is not None:  # a rollout goes back in any case
        await check_driven(tx, plan)
    environment = plan.house.environment
    ends = [
        (step.wish.key, step.wish.scope.text, entry.version, until)
        for step in plan.steps
        for entry, until in step.rewrite.ends
    ]
    for some in _parts(ends):
        await tx.settings.end(environment, *some)
    for entries in _parts(plan.new):
        await tx.settings.put(*entries)
    for steps in _parts(plan.steps):
        await tx.audit.append(*(_event(tx, pen, plan, step, reason) for step in steps))
        await tell_values(tx, pen, plan, steps)
    below = await heirs(tx, pen, plan)
    if below is not None:
        await carried_out(tx, pen, below, reason)
        await tx.settings.bump(below.house.environment)


def _parts(whole: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """What is written at a time: while the database writes, whatever else is going on in the process goes on."""
    return (whole[start : start + AT_ONCE] for start in range(0, len(whole), AT_ONCE))


def _event(tx: Transaction, pen: Pen, plan: Plan, step: Step, reason: str) -> Event:
    wish, environment = step.wish, plan.house.environment.value
    before = next((each.entry for each in step.held if each.entry.covers(plan.at)), None)
    return event_of(
        tx,
        Action.SETTING_CHANGED if step.rewrite.puts else Action.SETTING_UNPLANNED,
        ("setting", f"{environment}/{wish.scope.text}#{wish.key}"),
        actor=pen.actor,
        change=pen.change,
        reason=reason,
        before=_told(before) if before else None,
        after=_told(step.rewrite.puts[0].entry) if step.rewrite.puts else None,
    )


def _told(entry: Entry) -> Json:
    told: dict[str, Json] = {"version": entry.version, "state": entry.state.value, "since": entry.since.isoformat()}
    if entry.state is EntryState.SET:
        told["value"] = shown(entry.value)
    if entry.enforced:
        told["enforced"] = True
    if entry.constraint is not None:
        told["constraint"] = entry.constraint.to_json()
    if entry.until is not None:
        told["until"] = entry.until.isoformat()
    return told
