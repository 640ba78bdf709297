"""Rules are valid as a whole, or refused with everything that is wrong with them."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.flags.limits import Faults, pointer
from domain.settings.expressions import expression_messages, keys_read
from domain.settings.merging import compared
from domain.settings.predicates import condition_faults, condition_of, key_faults
from domain.settings.rules import Assertion, Bound, Dependency, Exclusion, Range, Rule
from domain.settings.values import SettingType, json_faults, type_faults

NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,99}")
MOST_RULES = 500
MOST_CONDITIONS = 50
LONGEST_MESSAGE = 500

Raw = Mapping[str, Json]


def parse_rules(raw: Json) -> tuple[Rule, ...]:
    """The rules in the array `raw`; `Invalid` with every fault, each at its JSON Pointer."""
    if not isinstance(raw, list) or len(raw) > MOST_RULES:
        raise Invalid([Fault("", f"expected an array of at most {MOST_RULES} rules")])
    faults: Faults = []
    names: set[str] = set()
    for place, rule in enumerate(raw):
        faults += _rule_faults(rule, f"/{place}")
        name = rule.get("name") if isinstance(rule, dict) else None
        if isinstance(name, str) and name in names:
            faults.append(Fault(f"/{place}/name", "expected a name that no other rule has"))
        names |= {name} if isinstance(name, str) else set()
    if faults:
        raise Invalid(faults)
    return tuple(_KINDS[rule["kind"]].build(rule) for rule in raw)


def _rule_faults(raw: Json, path: str) -> Faults:
    if not isinstance(raw, dict):
        return [Fault(path, "expected an object")]
    kind = _KINDS.get(raw["kind"]) if isinstance(raw.get("kind"), str) else None
    if kind is None:
        return [Fault(f"{path}/kind", "expected one of " + ", ".join(_KINDS))]
    known = kind.fields | {"kind", "name", "message"}
    faults = [Fault(pointer(path, name), "unknown field") for name in sorted(map(str, raw.keys() - known))]
    name, message = raw.get("name"), raw.get("message", "")
    if not isinstance(name, str) or NAME_PATTERN.fullmatch(name) is None:
        faults.append(Fault(f"{path}/name", f"expected a name that matches ^{NAME_PATTERN.pattern}$"))
    if not isinstance(message, str) or len(message) > LONGEST_MESSAGE:
        faults.append(Fault(f"{path}/message", f"expected text of at most {LONGEST_MESSAGE} characters"))
    else:
        faults += json_faults(message, f"{path}/message")
    return faults + kind.faults(raw, path)


def _conditions_faults(raw: Json, path: str, least: int, taken: Json = None) -> Faults:
    """Of an array of conditions on different keys, none of which is `taken`."""
    if not isinstance(raw, list) or not least <= len(raw) <= MOST_CONDITIONS:
        return [Fault(path, f"expected an array of {least} to {MOST_CONDITIONS} conditions")]
    faults: Faults = []
    seen = [taken]
    for place, condition in enumerate(raw):
        faults += condition_faults(condition, f"{path}/{place}")
        key = condition.get("key") if isinstance(condition, dict) else None
        if isinstance(key, str) and key in seen:
            faults.append(Fault(f"{path}/{place}/key", "expected a key that the rule does not name yet"))
        seen.append(key)
    return faults


def _dependency_faults(raw: Raw, path: str) -> Faults:
    when = raw.get("when")
    key = when.get("key") if isinstance(when, dict) else None
    return condition_faults(when, f"{path}/when") + _conditions_faults(raw.get("needs"), f"{path}/needs", 1, key)


def _dependency(raw: Raw) -> Rule:
    needs = tuple(map(condition_of, raw["needs"]))
    return Dependency(raw["name"], raw.get("message", ""), condition_of(raw["when"]), needs)


def _conflict_faults(raw: Raw, path: str) -> Faults:
    return _conditions_faults(raw.get("between"), f"{path}/between", 2)


def _exclusion(raw: Raw) -> Rule:
    between = sorted(map(condition_of, raw["between"]), key=lambda condition: condition.key)
    return Exclusion(raw["name"], raw.get("message", ""), tuple(between))


def _range_faults(raw: Raw, path: str) -> Faults:
    faults = key_faults(raw.get("key"), f"{path}/key")
    bounds = {name: raw[name] for name in ("at_least", "at_most") if name in raw}
    if not bounds:
        faults.append(Fault(path, "expected at_least, at_most, or both"))
    for name, bound in bounds.items():
        faults += _bound_faults(bound, f"{path}/{name}", raw.get("key"))
    literal = len(bounds) > 1 and not any(isinstance(bound, dict) for bound in bounds.values())
    if literal and not faults and compared(raw["at_least"], raw["at_most"]) in (None, 1):
        faults.append(Fault(f"{path}/at_most", "expected at least what at_least says, and of the same kind"))
    return faults


def _bound_faults(bound: Json, path: str, key: Json) -> Faults:
    if not isinstance(bound, dict):
        sized = not type_faults(SettingType.NUMBER, bound) or not type_faults(SettingType.DURATION, bound)
        return [] if sized else [Fault(path, 'expected a number, a duration such as PT5M, or {"key": ...}')]
    if bound.keys() != {"key"}:
        return [Fault(path, "expected a key and nothing else")]
    if bound["key"] == key:
        return [Fault(f"{path}/key", "expected another key")]
    return key_faults(bound["key"], f"{path}/key")


def _range(raw: Raw) -> Rule:
    bounds = (raw.get(name) for name in ("at_least", "at_most"))
    at_least, at_most = (
        None if bound is None else Bound(key=bound["key"]) if isinstance(bound, dict) else Bound(bound)
        for bound in bounds
    )
    return Range(raw["name"], raw.get("message", ""), raw["key"], at_least, at_most)


def _cel_faults(raw: Raw, path: str) -> Faults:
    source, keys = raw.get("expression"), raw.get("keys")
    faults = [Fault(f"{path}/expression", message) for message in expression_messages(source)]
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_CONDITIONS:
        return [*faults, Fault(f"{path}/keys", f"expected an array of 1 to {MOST_CONDITIONS} keys")]
    broken = [fault for place, key in enumerate(keys) for fault in key_faults(key, f"{path}/keys/{place}")]
    if faults or broken:
        return faults + broken
    read = keys_read(str(source))
    forgotten = [
        Fault(f"{path}/keys", f"expected {key} too: the expression reads it") for key in sorted(read - {*keys})
    ]
    for place, key in enumerate(keys):
        if key not in read or key in keys[:place]:
            forgotten.append(Fault(f"{path}/keys/{place}", "expected a key that the expression reads, once"))
    return forgotten


def _assertion(raw: Raw) -> Rule:
    return Assertion(raw["name"], raw.get("message", ""), raw["expression"], tuple(raw["keys"]))


class _Kind(NamedTuple):
    fields: frozenset[str]
    faults: Callable[[Raw, str], Faults]
    build: Callable[[Raw], Rule]


_KINDS: dict[str, _Kind] = {
    "dependency": _Kind(frozenset({"when", "needs"}), _dependency_faults, _dependency),
    "conflict": _Kind(frozenset({"between"}), _conflict_faults, _exclusion),
    "range": _Kind(frozenset({"key", "at_least", "at_most"}), _range_faults, _range),
    "cel": _Kind(frozenset({"expression", "keys"}), _cel_faults, _assertion),
}
