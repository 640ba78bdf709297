"""The rules over several keys are one versioned document; whoever changes it is told where it is broken already."""

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
from domain.settings import Rule, RulesViolated, Scope, parse_rules, violations


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
            for environment in Environment:  # whoever writes values waits, so that none slips past the check
                await tx.settings.lock(environment)
            before = await tx.settings.rulebook()
            if actor.request is not None and before.request == actor.request:
                return before
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            wanted = [rule.to_json() for rule in rules]
            if wanted == before.rules:
                raise NothingChanges([Fault("", "equal the present rules")])
            await _check_known(tx, rules)
            for environment in Environment:
                policy = await tx.policies.get(environment, Kind.SETTING)
                if policy.levels:
                    raise ApprovalRequired(environment=environment.value, levels=len(policy.levels))
                await _check_kept(tx, environment, rules)
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


async def _check_kept(tx: Transaction, environment: Environment, rules: tuple[Rule, ...]) -> None:
    """Every rule, at every scope that says something, now and whenever something is planned to be otherwise."""
    keys = frozenset().union(*(rule.keys for rule in rules))
    house = await furnished(tx, environment, keys, None, tx.now)
    faults = []
    for leaf in house.leaves(keys, [Scope()]):
        for at in house.moments(keys, leaf, tx.now):
            for each in violations(rules, house.image(keys, leaf, at), keys):
                place = next(place for place, rule in enumerate(rules) if rule.name == each.rule)
                where = f"{environment.value} {leaf.text}".strip()
                faults.append(Fault(f"/{place}", f"is broken in {where} from {at.isoformat()}: {each.message}"))
    if faults:
        raise RulesViolated(faults)
