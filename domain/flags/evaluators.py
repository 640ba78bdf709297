"""Shared rules (`$evaluators`) are checked on their own before flags may refer to them."""

from collections.abc import Mapping

from domain.errors import Fault, Invalid
from domain.flags.authoring import Place, is_segment, plain, segment_rule, switched_on
from domain.flags.limits import Faults, check_scalar, pointer
from domain.flags.prerequisites import PREREQUISITE
from domain.flags.rules import AUTHORED, check_rule
from domain.json_value import Json

SHARED_RULES = "$evaluators"
"""The key under which flagd's document, and so a flag set, holds the shared rules; no flag can have it."""


def parse_evaluators(raw: Json) -> Mapping[str, Json]:
    """The rules by name; `Invalid` with every fault, each at its JSON Pointer. None of them may hold a `$ref`."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "expected an object")])
    faults: Faults = []
    for name, rule in raw.items():
        path = pointer("", name)
        if not isinstance(name, str) or not name:
            faults.append(Fault(path, "expected a name that is not empty"))
        else:
            check_scalar(name, path, faults)
            _check(rule, path, faults)
    if faults:
        raise Invalid(sorted(dict.fromkeys(faults), key=lambda fault: fault.path))
    return dict(raw)


def rules_of(definition: Json) -> set[str]:
    """The shared rules that a valid definition names, also while it is off for everybody."""
    return references(plain(switched_on(definition)).get("targeting"))


def references(rule: Json) -> set[str]:
    """The shared rules that a rule names."""
    if isinstance(rule, list):
        return {name for each in rule for name in references(each)}
    if not isinstance(rule, dict):
        return set()
    return {name for operator, inner in rule.items() for name in ([inner] if operator == "$ref" else references(inner))}


def _check(rule: Json, path: str, faults: Faults) -> None:
    """One that is authored is looked at as a whole once its parts are right."""

    def check(each: Json, at: str, found: Faults) -> None:
        check_rule(each, at, variants=None, evaluators={}, faults=found, authored=AUTHORED - {PREREQUISITE})

    if not is_segment(rule):
        check(rule, path, faults)
        return
    known, place = len(faults), Place(path, faults, check, names_segments=False)
    made = segment_rule(rule, place)
    if len(faults) == known:
        place.made(made)
