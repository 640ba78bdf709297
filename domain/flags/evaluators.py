"""Shared rules (`$evaluators`) are checked on their own before flags may refer to them."""

from collections.abc import Mapping

from domain.errors import Fault, Invalid
from domain.flags.limits import Faults, check_scalar, pointer
from domain.flags.rules import check_rule
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
            check_rule(rule, path, variants=None, evaluators={}, faults=faults)
    if faults:
        raise Invalid(sorted(faults, key=lambda fault: fault.path))
    return dict(raw)
