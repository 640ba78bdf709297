"""What another flag gives is said in the flag that needs it, as a rule of flagd's language and no operator of ours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from domain.flags.address_texts import CURRENT, let
from domain.flags.bucketing import Bucketing
from domain.flags.iteration import FORMS as ITERATIONS
from domain.flags.limits import LARGEST_NUMBER
from domain.flags.results import results
from domain.flags.rules import variant_name
from domain.flags.values import look_up, text_of
from domain.json_value import Json

_FLAG_KEY: Final = "$flagd.flagKey"
_SUBJECT: Final[Json] = {"var": "targetingKey"}


class NotInlinable(Exception):
    """What the flag gives depends on which flag it is, in a way that no other flag's rule can say."""


def gives(key: str, definition: Json, variants: Collection[str], shared: Mapping[str, Json], by: Bucketing) -> Json:
    """True where this published flag gives one of `variants`; a flag that is missing or DISABLED gives none.

    NotInlinable where it cannot be said.
    """
    if definition is None or definition["state"] != "ENABLED":
        return False
    wanted = [name for name in variants if name in definition["variants"]]
    default, rule = definition.get("defaultVariant"), definition.get("targeting")
    if not rule:
        return default in wanted
    return _one_of(_Owned(key, shared, by).rule(rule), wanted, default, shared) if wanted else False


def check_inlinable(key: str, rule: Json, shared: Mapping[str, Json], by: Bucketing) -> None:
    """NotInlinable unless what this published rule gives can be said elsewhere."""
    _Owned(key, shared, by).rule(rule)


def _one_of(rule: Json, wanted: Sequence[str], default: str | None, shared: Mapping[str, Json]) -> Json:
    """Whether the rule results in one of these variants: by name, as boolean or number, or by null and the default."""
    found = results(rule, shared)
    by_null = found.null and default in wanted
    truths = [truth for truth in (True, False) if variant_name(truth) in wanted]
    if not found.other and not (by_null and found.truths):
        # The texts that it may give are not empty, so that null alone counts as false.
        return {"in": [{"or": [rule, default]} if by_null else rule, [*wanted, *truths]]}
    ways: list[Json] = [{"in": [CURRENT, list(wanted)]}, *([{"===": [CURRENT, None]}] if by_null else [])]
    for value in chain(truths, *map(_numbers, wanted)):
        # In Python 1 equals true, and in JavaScript they are written differently: only both together tell one.
        spelled = sorted({text_of(value), variant_name(value)}) if isinstance(value, bool) else [text_of(value)]
        ways.append({"and": [{"===": [CURRENT, value]}, {"in": [{"cat": [CURRENT]}, spelled]}]})
    return {"in": [rule, list(wanted)]} if len(ways) == 1 else let(rule, {"or": ways})


def _numbers(name: str) -> list[float]:
    """The number that names this variant, if there is one."""
    for kind in (int, float):
        try:
            number = kind(name)
        except ValueError:
            continue
        if variant_name(number) == name and abs(number) <= LARGEST_NUMBER:
            return [number]
    return []


@dataclass(frozen=True, slots=True)
class _Owned:
    """A rule of the flag `key`, as it would be evaluated in another flag; what does not change is the same object."""

    key: str
    shared: Mapping[str, Json]
    bucketing: Bucketing

    def rule(self, rule: Json) -> Json:
        if isinstance(rule, list):
            return self.each(rule)
        if not isinstance(rule, dict):
            return rule
        ((name, argument),) = rule.items()
        if name == "$ref":
            return self.reference(rule, argument)
        if name == "var":
            return self.variable(rule, argument if isinstance(argument, list) else [argument])
        if name in ITERATIONS:  # what is evaluated for each item sees the item, and no flag
            items, *rest = argument if isinstance(argument, list) and argument else [argument]
            own = self.rule(items)
            return rule if own is items else {name: [own, *rest]}
        own = self.each(argument) if isinstance(argument, list) else self.rule(argument)
        if name == "fractional" and isinstance(own, list) and own and isinstance(own[0], list):
            return self.shorthand(own)
        return rule if own is argument else {name: own}

    def each(self, rules: list[Json]) -> list[Json]:
        own = [self.rule(rule) for rule in rules]
        return rules if all(new is old for new, old in zip(own, rules, strict=True)) else own

    def reference(self, rule: Json, name: str) -> Json:
        if name not in self.shared:
            raise NotInlinable(f"refers to a shared rule {name!r} that is not there")
        own = self.rule(self.shared[name])
        return rule if own is self.shared[name] else own

    def variable(self, rule: Json, arguments: Sequence[Json]) -> Json:
        name, otherwise = [*arguments, None, None][:2]
        if name in (None, "", "$flagd") or isinstance(name, dict | list):
            raise NotInlinable("reads the whole context, or a variable whose name it computes: name the variables")
        if isinstance(name, str) and (name == _FLAG_KEY or name.startswith(f"{_FLAG_KEY}.")):
            found = look_up({"$flagd": {"flagKey": self.key}}, name)
            return self.rule(otherwise) if found is None else found
        own = self.rule(otherwise)
        return rule if own is otherwise else {"var": [name, own]}

    def shorthand(self, arms: list[Json]) -> Json:
        """The split of a subject that is not named, which each flag makes with its own key."""
        if self.bucketing is not Bucketing.V2:
            raise NotInlinable(
                "splits by the targeting key without naming it, which bucketing v3 cannot say elsewhere: give the "
                f'split a subject, {{"cat": [{{"var": "{_FLAG_KEY}"}}, {{"var": "targetingKey"}}]}}, '
                'or "by": "targetingKey"'
            )
        split = {"fractional": [{"cat": [self.key, _SUBJECT]}, *arms]}
        is_text = {"===": [_SUBJECT, {"cat": [_SUBJECT]}]}
        return {"if": [{"and": [_SUBJECT, is_text]}, split, None]}
