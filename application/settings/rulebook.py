"""The rules over several keys are one versioned document; whoever changes it is told where it is broken already."""

from collections.abc import Sequence
from datetime import datetime

from application.ports.settings import Rulebook
from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.house import furnished
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ApprovalRequired, Kind, NothingChanges
from domain.environments import Environment
from domain.errors import Fault, Invalid, Stale
from domain.people import Actor, Permission
from domain.settings import Definition, Rule, RulesViolated, Scope, parse_rules, violations


class Rules:
    """Raises PermissionMissing, Invalid, Stale, RulesViolated or ApprovalRequired where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor) -> Rulebook:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.settings.rulebook()

    async def replace(self, actor: Actor, raw: Json, *, expected: int, reason: str) -> Rulebook:
        """All of them anew, over version `expected`; what is stored must keep the new ones."""
        actor.require(Permission.SETTINGS_MANAGE)
        rules = parse_rules(raw)
        async with self._store.transaction(actor.tenant) as tx:
            at = await turn_everywhere(tx)
            before = await tx.settings.rulebook()
            if actor.request is not None and before.request == actor.request:
                return before
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            wanted = [rule.to_json() for rule in rules]
            if wanted == before.rules:
                raise NothingChanges([Fault("", "equal the present rules")])
            await _check_known(tx, rules)
            places, faults = {rule.name: place for place, rule in enumerate(rules)}, []
            for environment in Environment:
                policy = await tx.policies.get(environment, Kind.SETTING)
                if policy.levels:
                    raise ApprovalRequired(environment=environment.value, levels=len(policy.levels))
                faults += [
                    Fault(f"/{places[name]}", f"is broken {sentence}")
                    for name, sentence in await breaches(tx, environment, rules, at)
                ]
            if faults:
                raise RulesViolated(faults)
            after = Rulebook(expected + 1, wanted, actor.id, tx.now, actor.request)
            await tx.settings.put_rulebook(after)
            await record(
                tx, Action.RULEBOOK_CHANGED, ("setting_rules", "all"), actor=actor, reason=reason,
                before={"version": before.version, "rules": before.rules},
                after={"version": after.version, "rules": wanted},
            )  # fmt: skip
            return after


async def _check_known(tx: Transaction, rules: tuple[Rule, ...]) -> None:
    keys = frozenset().union(*(rule.keys for rule in rules))
    unknown = keys - (await tx.settings.definitions_of(keys)).keys()
    faults = [
        Fault(f"/{place}", "no setting is defined with the key " + ", ".join(sorted(rule.keys & unknown)))
        for place, rule in enumerate(rules)
        if rule.keys & unknown
    ]
    if faults:
        raise Invalid(faults)


async def turn_everywhere(tx: Transaction) -> datetime:
    """The instant from which whoever writes values waits, in every environment, so that none slips past a check."""
    return max([await tx.settings.lock(environment) for environment in Environment])


async def breaches(
    tx: Transaction, environment: Environment, rules: Sequence[Rule], at: datetime, instead: Definition | None = None
) -> list[tuple[str, str]]:
    """What breaks which rule at any scope that says something, at `at` or from when something is planned to change.

    `instead` is looked at in the place of the definition that is stored.
    """
    keys = frozenset().union(*(rule.keys for rule in rules))
    house = await furnished(tx, environment, keys, None, at)
    if instead is not None:
        house.definitions = {**house.definitions, instead.key: instead}
    return [
        (each.rule, f"in {f'{environment.value} {leaf.text}'.strip()} from {since.isoformat()}: {each.message}")
        for leaf in house.leaves(keys, [Scope()])
        for since in house.moments(keys, leaf, at)
        for each in violations(rules, house.image(keys, leaf, since), keys)
    ]
