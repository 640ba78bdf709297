"""The rules over several keys are one versioned document; whoever changes it is told where it is broken already."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from application.policies import decided
from application.ports.settings import Rulebook
from application.ports.store import Store, Transaction
from application.recording import record, reverted
from application.settings.drafting import drafted_before, drafted_meaning, meaning
from application.settings.house import furnished
from application.settings.reaching import reach_over
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, NothingChanges, Reach
from domain.environments import Environment
from domain.errors import Fault, Invalid, Stale
from domain.people import Actor, Permission
from domain.settings import Definition, Rule, RulesViolated, Scope, parse_rules, parse_setting_definition, violations


class Rules:
    """Raises PermissionMissing, Invalid, Stale or RulesViolated where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor) -> Rulebook:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.settings.rulebook()

    async def replace(
        self, actor: Actor, raw: Json, *, expected: int, reason: str, reverts: UUID | None = None
    ) -> Rulebook | ChangeSet:
        """All of them anew, over version `expected`; what is stored must keep the new ones.

        Where a policy asks for approval it is the change that is to be submitted.
        """
        actor.require(Permission.SETTINGS_MANAGE)
        rules = parse_rules(raw)
        async with self._store.transaction(actor.tenant) as tx:
            at = await turn_everywhere(tx)
            before = await tx.settings.rulebook()
            if actor.request is not None and before.request == actor.request:
                return before
            if drafted := await drafted_before(tx, actor):
                return drafted
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            if [rule.to_json() for rule in rules] == before.rules:
                raise NothingChanges([Fault("", "equal the present rules")])
            await check_rulebook(tx, rules, at)
            policy = await decided(tx, Environment, Kind.SETTING, await reach_of_rules(tx, rules, before))
            if policy.levels:
                content = {"rules": [rule.to_json() for rule in rules]}
                target = meaning(Kind.SETTING_RULES, "", before.version, content)
                return await drafted_meaning(tx, actor, target, reason, reverts)
            if reverts is not None:
                await reverted(tx, actor, reverts, None, reason)
            return await write_rulebook(tx, actor, rules, before, reason)


async def check_rulebook(tx: Transaction, rules: Sequence[Rule], at: datetime) -> None:
    """Every key is defined, and nothing that is stored breaks a rule; raises Invalid or RulesViolated."""
    await _check_known(tx, rules)
    places = {rule.name: place for place, rule in enumerate(rules)}
    faults = [
        Fault(f"/{places[name]}", f"is broken {sentence}")
        for environment in Environment
        for name, sentence in await breaches(tx, environment, rules, at)
    ]
    if faults:
        raise RulesViolated(faults)


async def reach_of_rules(tx: Transaction, rules: Sequence[Rule], before: Rulebook) -> Reach:
    """No value moves; the settings are those of every rule that comes, goes or is changed."""
    old, new = parse_rules(before.rules), list(rules)
    moved = [rule for rule in (*old, *new) if not (rule in old and rule in new)]
    stored = await tx.settings.definitions_of(frozenset().union(*(rule.keys for rule in moved)))
    return reach_over([parse_setting_definition(each.definition) for each in stored.values()], 1, set(), wide=True)


async def write_rulebook(
    tx: Transaction, actor: Actor, rules: Sequence[Rule], before: Rulebook, reason: str, change: UUID | None = None
) -> Rulebook:
    wanted = [rule.to_json() for rule in rules]
    after = Rulebook(before.version + 1, wanted, actor.id, tx.now, actor.request)
    await tx.settings.put_rulebook(after)
    await record(
        tx, Action.RULEBOOK_CHANGED, ("setting_rules", "all"), actor=actor, change=change, reason=reason,
        before={"version": before.version, "rules": before.rules}, after={"version": after.version, "rules": wanted},
    )  # fmt: skip
    return after


async def _check_known(tx: Transaction, rules: Sequence[Rule]) -> None:
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
