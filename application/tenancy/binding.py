"""What a tenant says of a key for all below it stands in each of them, before whatever they say themselves."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from application.events.telling import tell_definition
from application.ports.settings import LOCKED, StoredDefinition
from application.ports.store import Transaction
from application.recording import record
from application.settings.carrying import carried_out
from application.settings.checks import check_rules
from application.settings.house import furnished
from application.settings.plan import HIDDEN, Pen, Plan, Step, pictured
from application.settings.wishes import Wish
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.people import Actor
from domain.settings import (
    Definition,
    EntryState,
    Rewrite,
    Scope,
    SettingType,
    keys_beside,
    parse_constraint,
    parse_rules,
    parse_setting_definition,
    replaced,
)
from domain.settings.scopes import LOCKS, ROOT_KIND


@dataclass(frozen=True)
class Lock:
    """`says` is as it is stored, None where it is let go; `slug` and `depth` are of the tenant that says it."""

    environment: Environment
    definition: Definition
    says: Json
    slug: str
    depth: int
    reason: str

    @property
    def scope(self) -> Scope:
        return Scope(LOCKS[self.depth])

    @property
    def wish(self) -> Wish:
        says = self.says or {}
        state = EntryState.SET if "value" in says else EntryState.UNSET
        return Wish(
            self.definition.key, self.scope, state, says.get("value"), bool(says.get("enforced")),
            says.get("constraint"),
        )  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """Why it cannot be in one tenant; or each scope there whose own value counts no more or not as written, and how."""

    faults: Sequence[Fault] = ()
    hidden: tuple[tuple[str, str], ...] = ()


def lock_faults(lock: Lock, definition: Definition) -> Iterator[Fault]:
    """What is wrong with it where the key means this."""
    if definition.type is SettingType.SECRET:
        yield Fault("/key", "expected no secret")
    elif ROOT_KIND not in definition.scopes:
        yield Fault("/key", "expected a setting of which a tenant may say something")
    elif lock.wish.state is EntryState.SET:
        yield from definition.faults(lock.wish.value, "/value")
        if lock.wish.constraint is not None:
            yield from parse_constraint(lock.wish.constraint).faults(lock.wish.value, "/value")
    elif lock.wish.enforced:
        yield Fault("/enforced", "there is no value to enforce")


async def bind(below: Transaction, actor: Actor, lock: Lock) -> Effect:
    """Written in the environment of one tenant, whose turn is taken; where there are faults nothing is written."""
    key, environment = lock.definition.key, lock.environment
    at = await below.settings.lock(environment)
    if lock.says is not None:
        await _define(below, actor, lock)
    plan = await _plan(below, lock, at)
    definition = plan.house.definitions.get(key)
    faults = [] if definition is None or lock.says is None else list(lock_faults(lock, definition))
    if definition is None or faults:
        return Effect(faults)
    pen = Pen(actor.id, f"{LOCKED}{lock.slug}", actor)
    entries = [] if lock.says is None else [replace(plan.entry(pen, lock.wish, lock.reason), above=lock.slug)]
    rewrite = replaced(plan.house.held(key, lock.scope), entries, at)
    if not (rewrite.ends or rewrite.puts):
        return Effect()
    plan.take(pen, lock.wish, rewrite)
    try:
        await _check_rules(below, plan)
    except Invalid as refusal:
        return Effect(refusal.faults)
    await carried_out(below, pen, plan, lock.reason)
    await below.settings.bump(environment)
    return Effect(hidden=tuple(_hidden(plan, key)))


def _hidden(plan: Plan, key: str) -> Iterator[tuple[str, str]]:
    """What was not hidden before."""
    for leaf in plan.house.leaves([key], [Scope()]):
        now, was = (house.resolved(key, leaf, plan.at).trace[-1] for house in (plan.house, plan.before))
        if now.label == leaf.text and now.state in HIDDEN and now.state is not was.state:
            yield leaf.text, HIDDEN[now.state]


async def _define(below: Transaction, actor: Actor, lock: Lock) -> None:
    """Whoever does not know the key is told what it means."""
    key, whole = lock.definition.key, lock.definition.to_json()
    if await below.settings.definition(key) is not None:
        return
    await below.settings.put_definition(StoredDefinition(key, 1, whole, actor.id, below.now), expected=0)
    await record(below, Action.SETTING_DEFINED, ("setting_definition", key), actor=actor, reason=lock.reason,
                 after={"version": 1, "definition": whole})  # fmt: skip
    await tell_definition(below, actor, key, 1)


async def _plan(below: Transaction, lock: Lock, at: datetime) -> Plan:
    key = lock.definition.key
    rules = parse_rules((await below.settings.rulebook()).rules)
    house = await furnished(below, lock.environment, {key} | keys_beside(rules, {key}), None, at)
    latest = await below.settings.latest(lock.environment, [key], [lock.scope.text])
    return Plan(at, house, pictured(house), latest)


async def _check_rules(below: Transaction, plan: Plan) -> None:
    """At every scope of the tenant: it is broader than all of them."""
    rules = parse_rules((await below.settings.rulebook()).rules)
    everywhere = [Step(replace(step.wish, scope=Scope()), Rewrite((), ()), ()) for step in plan.steps]
    await asyncio.to_thread(check_rules, rules, replace(plan, steps=everywhere))


def parsed(stored: StoredDefinition) -> Definition:
    return parse_setting_definition(stored.definition)
