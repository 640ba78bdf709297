"""Each wish is checked against its definition and what broader scopes allow; all of them against the rules."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from application.settings.plan import Plan
from application.settings.wishes import MOST_ITEMS, Wish
from domain.errors import Conflict, Fault, Invalid, Stale
from domain.settings import (
    Definition,
    Entry,
    EntryState,
    OutOfPolicy,
    Resolution,
    Rule,
    RulesViolated,
    Sealed,
    SettingEnforced,
    SettingType,
    parse_constraint,
    resolve,
    type_faults,
    violations,
)

LEAST_REASON, MOST_REASON = 3, 2000


def check_wishes(wishes: Sequence[Wish], reason: str, plan: Plan) -> None:
    """Every fault of every wish at once, each at its place in `/items`."""
    faults = faults_of(wishes, reason, plan)
    if faults:
        raise Invalid(faults)


def faults_of(wishes: Sequence[Wish], reason: str, plan: Plan) -> list[Fault]:
    """What is wrong with the wishes by themselves, whatever is stored."""
    faults = []
    if not LEAST_REASON <= len(reason.strip()) <= MOST_REASON:
        faults.append(Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why"))
    if not 1 <= len(wishes) <= MOST_ITEMS:
        faults.append(Fault("/items", f"1 to {MOST_ITEMS} of them"))
    seen: set[tuple[str, str]] = set()
    for place, wish in enumerate(wishes):
        path = f"/items/{place}"
        if (wish.key, wish.scope.text) in seen:
            faults.append(Fault(path, "another item is about this key at this scope"))
        seen.add((wish.key, wish.scope.text))
        definition = plan.house.definitions.get(wish.key)
        if definition is None:
            faults.append(Fault(f"{path}/key", "no setting with this key is defined"))
        else:
            faults += _faults(wish, definition, path, plan)
    return faults


def sound(faults: Sequence[Fault], wishes: Sequence[Wish]) -> list[int]:
    """The places of the wishes that no fault is about."""
    paths = [fault.path.split("/") for fault in faults]
    broken = {path[2] for path in paths if path[1:2] == ["items"] and len(path) > 2}  # noqa: PLR2004 -- /items/n
    return [] if [fault for fault in faults if fault.path == "/items"] else [
        place for place in range(len(wishes)) if str(place) not in broken
    ]  # fmt: skip


def check_versions(wishes: Sequence[Wish], plan: Plan) -> None:
    for wish in wishes:
        version = plan.latest.get((wish.key, wish.scope.text), 0)
        if wish.expected is not None and wish.expected != version:
            raise Stale(key=wish.key, scope=wish.scope.text, version=version, expected=wish.expected)


Written = tuple[int, Wish, Entry]
"""A place in the order, the wish that stands there, and what it makes."""


def check_policies(written: Sequence[Written], plan: Plan, faults: Sequence[Fault] = ()) -> None:
    """What broader scopes say of each, all told at once, beside the faults that are known already.

    SettingEnforced where nothing else is wrong, with every place where that is so.
    """
    enforced: list[tuple[int, SettingEnforced]] = []
    beyond: list[tuple[int, OutOfPolicy]] = []
    for place, wish, entry in written:
        try:
            check_policy(wish, entry, plan, f"/items/{place}")
        except SettingEnforced as refusal:
            enforced.append((place, refusal))
        except OutOfPolicy as refusal:
            beyond.append((place, refusal))
    told = [fault for _, refusal in beyond for fault in refusal.faults]
    if faults or (beyond and enforced):
        told += [Fault(f"/items/{place}", f"enforced {_by(refusal)}") for place, refusal in enforced]
    if faults:
        raise Invalid(sorted([*faults, *told], key=_number))
    if told:
        raise OutOfPolicy(sorted(told, key=_number), **(beyond[0][1].facts if len(beyond) == 1 else {}))
    if enforced:
        places = {"places": [{"item": place, **refusal.facts} for place, refusal in enforced]}
        raise SettingEnforced(**enforced[0][1].facts, **(places if len(enforced) > 1 else {}))


def _by(refusal: SettingEnforced) -> str:
    by = refusal.facts["by"]
    return f"by {by}" if by else "by the tenant"


def _number(fault: Fault) -> int:
    first, _, rest = fault.path.removeprefix("/").partition("/")
    return int(rest.partition("/")[0]) if first == "items" and rest else -1


def check_policy(wish: Wish, entry: Entry, plan: Plan, path: str) -> None:
    """What broader scopes say, once everything in the order is written; raises SettingEnforced or OutOfPolicy."""
    definition, broader = plan.house.definitions[wish.key], wish.scope.ancestors()[:-1]
    above = resolve(definition, plan.house.levels(wish.key, broader), entry.since)
    if entry.state is EntryState.SET:
        _check_enforcement(wish, above)
        faults = [] if above.constraint is None else above.constraint.faults(entry.value, f"{path}/value")
        if entry.constraint is not None:
            faults += entry.constraint.faults(entry.value, f"{path}/value")
        _check_seal(entry)
        if faults:
            raise OutOfPolicy(faults, key=wish.key, scope=wish.scope.text)


class SealMoved(Conflict):
    """Somebody wrote here meanwhile; send it again."""

    kind = "seal-moved"


def _check_seal(entry: Entry) -> None:
    """A seal is bound to the version that it was made for."""
    sealed = Sealed.of(entry.value)
    if sealed is not None and sealed.at != entry.version:
        raise SealMoved(version=entry.version)


def check_rules(rules: Sequence[Rule], plan: Plan) -> None:
    """The rules over what would hold at every leaf that the plan reaches, now and whenever it would be otherwise."""
    faults = [Fault(path, message) for path, message in _violations(rules, plan)]
    if faults:
        raise RulesViolated(faults)


def _violations(rules: Sequence[Rule], plan: Plan) -> Iterator[tuple[str, str]]:
    """Each with the first item that is about one of its keys."""
    changed = plan.keys
    asked = [rule for rule in rules if rule.keys & changed]
    if not asked:
        return
    keys = frozenset().union(*(rule.keys for rule in asked))
    first = {step.wish.key: place for place, step in reversed(list(enumerate(plan.steps)))}
    for leaf in plan.house.leaves(keys, plan.scopes):
        for at in plan.house.moments(keys, leaf, plan.at):
            for each in violations(asked, plan.house.image(keys, leaf, at), changed):
                place = min((first[key] for key in each.keys if key in first), default=None)
                where = f"at {leaf.text}" if leaf.text else "at the tenant"
                pointer = "/items" if place is None else f"/items/{place}"
                yield pointer, f"{each.kind} ({each.rule}) {where} from {at.isoformat()}: {each.message}"


def _check_enforcement(wish: Wish, above: Resolution) -> None:
    line = above.enforced_by
    if line is not None and line.entry is not None:
        raise SettingEnforced(
            key=wish.key,
            by=line.label,
            since=line.entry.since.isoformat(),
            actor=str(line.entry.written_by) if line.entry.written_by else None,
            reason=line.entry.reason,
        )


def _faults(wish: Wish, definition: Definition, path: str, plan: Plan) -> Iterator[Fault]:
    if wish.scope.kind not in definition.scopes:
        yield Fault(f"{path}/scope", "expected a scope of the kind " + ", ".join(definition.scopes))
    if wish.state is EntryState.SET and definition.type is not SettingType.SECRET:
        yield from definition.faults(wish.value, f"{path}/value")
    elif wish.state is EntryState.SET and Sealed.of(wish.value) is None:
        yield Fault(f"{path}/value", "expected a secret that is sealed")
    elif wish.state is EntryState.UNSET and wish.enforced:
        yield Fault(f"{path}/enforced", "there is no value to enforce")
    if wish.constraint is not None and definition.type is SettingType.SECRET:
        yield Fault(f"{path}/constraint", "expected none: what it names would be readable, and a secret is not")
    elif wish.constraint is not None:
        yield from _constraint_faults(wish, definition, f"{path}/constraint")
    if definition.drives_calendar is not None and (wish.since or wish.until):
        yield Fault(
            f"{path}/effective_at", "expected none: a period may have begun by then, and this drives a calendar"
        )
    if wish.since is not None and wish.since < plan.at:
        yield Fault(f"{path}/effective_at", "the past of a setting does not change")
    if wish.until is not None and wish.until <= max(wish.since or plan.at, plan.at):
        yield Fault(f"{path}/expires_at", "after it takes effect")


def _constraint_faults(wish: Wish, definition: Definition, path: str) -> Iterator[Fault]:
    """It is a constraint, and what it names are values that the setting could have."""
    try:
        constraint = parse_constraint(wish.constraint).to_json()
    except Invalid as refusal:
        yield from (replace(fault, path=path + fault.path) for fault in refusal.faults)
        return
    for name in sorted(constraint.keys() & {"minimum", "maximum"}):
        yield from type_faults(definition.type, constraint[name], f"{path}/{name}")
    for name in sorted(constraint.keys() & {"allowed", "denied"}):
        for place, value in enumerate(constraint[name]):
            yield from definition.faults(value, f"{path}/{name}/{place}")
