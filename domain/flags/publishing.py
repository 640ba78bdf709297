"""What people author is published as plain flagd JSON, which any evaluator of flagd understands as it is."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.errors import Fault, Invalid
from domain.flags.addresses import IP_RANGE, lowered
from domain.flags.authoring import plain, plain_rule
from domain.flags.bucketing import Bucketing
from domain.flags.definition import parse_definition
from domain.flags.inlining import NotInlinable, gives
from domain.flags.lifecycle import is_archived
from domain.flags.limits import MOST_NODES
from domain.flags.prerequisites import LONGEST_CHAIN, PREREQUISITE, Needs, prerequisites
from domain.json_value import Json

_ADDRESSES: Final = frozenset({IP_RANGE})
_NEEDS: Final = frozenset({PREREQUISITE})
_Operators = Mapping[str, Callable[[Json], Json]]


def published(
    flags: Mapping[str, Json], shared: Mapping[str, Json], bucketing: Bucketing
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """Flags and shared rules as clients get them; what is plain already comes back as it is, the same object."""
    publication = published_set(flags, shared, bucketing)
    return publication.flags, publication.shared


def published_set(flags: Mapping[str, Json], shared: Mapping[str, Json], bucketing: Bucketing) -> "Publication":
    rules = {name: _without_addresses(plain_rule(rule)) for name, rule in shared.items()}
    return Publication({}, rules, bucketing).with_flags(flags)


@dataclass(frozen=True, slots=True)
class Publication:
    """A published flag set, in which some flags are replaced with no others written anew than those that need them.

    A prerequisite that cannot be said is not met: no stored set is so wrong that it could not be served.
    """

    flags: Mapping[str, Json]
    shared: Mapping[str, Json]
    bucketing: Bucketing
    needing: Mapping[str, Json] = field(default_factory=dict)
    """Flags with prerequisites, in flagd's form but for these."""
    needs: Needs = field(default_factory=lambda: Needs({}))
    too_large: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with flags that cannot hold the rules that they need: none of their prerequisites is met."""

    def with_flags(self, changed: Mapping[str, Json | None]) -> "Publication":
        """These flags anew, or gone where they are None or archived, and whoever needs them."""
        flags, needing = dict(self.flags), dict(self.needing)
        for key, raw in changed.items():
            needing.pop(key, None)
            if raw is None or is_archived(raw):
                flags.pop(key, None)
                continue
            flags[key] = definition = without_addresses(raw)
            if holds(definition.get("targeting"), _NEEDS):
                needing[key] = definition
        if not needing and not self.needing:
            return Publication(flags, self.shared, self.bucketing)
        needs = Needs({key: _named(definition) for key, definition in needing.items()})
        again = needing.keys() & needs.touched_by(changed)
        inlining = _Inlining(flags, needing, needs, self, set(again))
        for key in again:
            inlining.flag(key)
        faults = {key: fault for key, fault in self.too_large.items() if key in needing and key not in again}
        return Publication(flags, self.shared, self.bucketing, needing, needs, faults | inlining.faults)


def without_addresses(definition: Json) -> Json:
    """A definition in flagd's form but for its prerequisites; one that is so already comes back as it is."""
    made = plain(definition)
    rule = made.get("targeting")
    low = _without_addresses(rule)
    return made if low is rule else {**made, "targeting": _an_object(low)}


def _without_addresses(rule: Json) -> Json:
    return _rewritten(rule, {IP_RANGE: lowered}) if holds(rule, _ADDRESSES) else rule


def _named(definition: Json) -> frozenset[str]:
    return frozenset(each.key for each in prerequisites(definition["targeting"]))


def _an_object(rule: Json) -> Json:
    """Targeting is an object, and what is always true or false is none."""
    return rule if isinstance(rule, dict) else {"!!": [rule]}


def holds(rule: Json, operators: Collection[str]) -> bool:
    """Whether one of these operators stands in the rule."""
    waiting = [rule]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            if not each.keys().isdisjoint(operators):
                return True
            waiting += each.values()
    return False


def _rewritten(rule: Json, operators: _Operators) -> Json:
    """The rule with these operators replaced by what is made of their operands."""
    if isinstance(rule, list):
        return [_rewritten(each, operators) for each in rule]
    if not isinstance(rule, dict):
        return rule
    made = {name: _rewritten(argument, operators) for name, argument in rule.items()}
    ((name, argument),) = made.items()
    return operators[name](argument) if name in operators else made


@dataclass(slots=True)
class _Inlining:
    """Writes the flags that are `left` into `flags`, each after those that it needs."""

    flags: dict[str, Json]
    needing: Mapping[str, Json]
    needs: Needs
    whole: Publication
    left: set[str]
    faults: dict[str, str] = field(default_factory=dict)
    _room: int = 0

    def flag(self, key: str) -> None:
        if key not in self.left:
            return
        self.left.discard(key)
        definition = self.needing[key]
        within = [each for each in sorted(self.needs.of(key)) if not self.needs.longer_than(each, LONGEST_CHAIN - 1)]
        for each in within:
            self.flag(each)
        self._room = MOST_NODES
        try:
            made = _with(definition, lambda operand: self._condition(operand, within))
            parse_definition(made, evaluators=self.whole.shared, authored=frozenset())
        except Invalid as refusal:
            self.faults[key] = refusal.faults[0].message
            made = _with(definition, lambda _: False)
        self.flags[key] = made

    def _condition(self, operand: Json, within: Collection[str]) -> Json:
        key, *variants = operand
        definition = self.flags.get(key) if key in within else None
        try:
            rule = gives(key, definition, variants, self.whole.shared, self.whole.bucketing)
        except NotInlinable:
            return False
        self._room -= _size(rule)
        if self._room < 0:
            raise Invalid([Fault("", f"expected at most {MOST_NODES} values and operators in a rule")])
        return rule


def _with(definition: Json, condition: Callable[[Json], Json]) -> Json:
    """The definition with a condition for each of its prerequisites."""
    return {**definition, "targeting": _an_object(_rewritten(definition["targeting"], {PREREQUISITE: condition}))}


def _size(rule: Json) -> int:
    count, waiting = 0, [rule]
    while waiting:
        each = waiting.pop()
        count += 1
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
    return count
