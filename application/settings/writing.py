"""Values are written together or not at all: each is checked by itself, and then what all of them make is checked."""

from datetime import datetime

from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.checks import check_policy, check_rules, check_versions, check_wishes
from application.settings.house import furnished, known
from application.settings.plan import Plan, Step, pictured
from application.settings.wishes import Order, Outcome, Wish
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ApprovalRequired, Kind
from domain.environments import Environment
from domain.people import Actor, Permission
from domain.settings import Entry, EntryState, cancelled, inserted, parse_rules


class SettingWrites:
    """Raises PermissionMissing, Invalid, OutOfPolicy, RulesViolated, Stale, SettingEnforced or ScheduleOverlaps.

    Missing where the only key is not defined, ApprovalRequired where policy asks for somebody's approval.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, actor: Actor, order: Order) -> Outcome:
        """All of the order, with one epoch and an audit event for each value; other writers of the environment wait."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            at = await tx.settings.lock(order.environment)
            if actor.request and (written := await tx.settings.written(actor.request)):
                return Outcome(tuple(written), (), await tx.settings.epoch(order.environment))
            plan = await _planned(tx, actor, order, at)
            affected = tuple(plan.affected())
            if order.dry_run:
                return Outcome(tuple(plan.new), affected, await tx.settings.epoch(order.environment))
            await _check_ungoverned(tx, order.environment)
            await _carried_out(tx, actor, plan, order.reason)
            return Outcome(tuple(plan.new), affected, await tx.settings.bump(order.environment))

    async def cancel(self, actor: Actor, environment: Environment, wish: Wish, reason: str) -> Outcome:
        """What is planned at the wish's scope as version `wish.expected` never begins; raises NothingPlanned."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            at = await tx.settings.lock(environment)
            if actor.request and (written := await tx.settings.written(actor.request)):
                return Outcome(tuple(written), (), await tx.settings.epoch(environment))
            await _check_ungoverned(tx, environment)
            rules = parse_rules((await tx.settings.rulebook()).rules)
            plan = await _plan(tx, environment, (wish,), frozenset().union(*(rule.keys for rule in rules)), at)
            known(plan.house, wish.key)
            fresh = plan.latest.get((wish.key, wish.scope.text), 0) + 1
            held = plan.house.held(wish.key, wish.scope)
            plan.take(actor, wish, cancelled(held, wish.expected or 0, at, fresh=fresh))
            check_rules(rules, plan)
            await _carried_out(tx, actor, plan, reason)
            return Outcome(tuple(plan.new), (), await tx.settings.bump(environment))


async def _planned(tx: Transaction, actor: Actor, order: Order, at: datetime) -> Plan:
    """The order worked out and checked."""
    rules = parse_rules((await tx.settings.rulebook()).rules)
    plan = await _plan(tx, order.environment, order.wishes, frozenset().union(*(rule.keys for rule in rules)), at)
    if len(order.wishes) == 1:
        known(plan.house, order.wishes[0].key)
    check_wishes(order.wishes, order.reason, plan)
    check_versions(order.wishes, plan)
    entries = [plan.entry(actor, wish, order.reason) for wish in order.wishes]
    for wish, entry in zip(order.wishes, entries, strict=True):
        plan.take(actor, wish, inserted(plan.house.held(wish.key, wish.scope), entry, at))
    for place, (wish, entry) in enumerate(zip(order.wishes, entries, strict=True)):
        check_policy(wish, entry, plan, f"/items/{place}")
    check_rules(rules, plan)
    return plan


async def _plan(
    tx: Transaction, environment: Environment, wishes: tuple[Wish, ...], ruled: frozenset[str], at: datetime
) -> Plan:
    keys = {wish.key for wish in wishes}
    house = await furnished(tx, environment, keys | ruled, None, at)
    latest = await tx.settings.latest(environment, keys, {wish.scope.text for wish in wishes})
    return Plan(at, house, pictured(house), latest)


async def _check_ungoverned(tx: Transaction, environment: Environment) -> None:
    policy = await tx.policies.get(environment, Kind.SETTING)
    if policy.levels:
        raise ApprovalRequired(environment=environment.value, levels=len(policy.levels))


async def _carried_out(tx: Transaction, actor: Actor, plan: Plan, reason: str) -> None:
    """First everything that ends, then what comes in its place: the database lets nothing overlap."""
    versions = {(each.key, each.scope, each.entry.version): each for each in plan.new}
    for step in plan.steps:
        for entry, until in step.rewrite.ends:
            await tx.settings.end(plan.house.environment, step.wish.key, step.wish.scope.text, entry.version, until)
        for put in step.rewrite.puts:
            await tx.settings.put(versions[step.wish.key, step.wish.scope.text, put.entry.version])
        await _recorded(tx, actor, plan, step, reason)


async def _recorded(tx: Transaction, actor: Actor, plan: Plan, step: Step, reason: str) -> None:
    wish, environment = step.wish, plan.house.environment.value
    before = next((each.entry for each in step.held if each.entry.covers(plan.at)), None)
    await record(
        tx,
        Action.SETTING_CHANGED if step.rewrite.puts else Action.SETTING_UNPLANNED,
        ("setting", f"{environment}/{wish.scope.text}#{wish.key}"),
        actor=actor,
        reason=reason,
        before=_told(before) if before else None,
        after=_told(step.rewrite.puts[0].entry) if step.rewrite.puts else None,
    )


def _told(entry: Entry) -> Json:
    told: dict[str, Json] = {"version": entry.version, "state": entry.state.value, "since": entry.since.isoformat()}
    if entry.state is EntryState.SET:
        told["value"] = entry.value
    if entry.enforced:
        told["enforced"] = True
    if entry.constraint is not None:
        told["constraint"] = entry.constraint.to_json()
    if entry.until is not None:
        told["until"] = entry.until.isoformat()
    return told
