"""A definition of a flag, authored or in flagd's language, is valid as a whole or refused with all its faults."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from domain.errors import Fault, Invalid
from domain.flags.authoring import AUTHORING, Place, compiled
from domain.flags.limits import Faults, check_json, pointer
from domain.flags.rules import AUTHORED, check_rule
from domain.json_value import Json

KEY_PATTERN = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}")
STATES = ("ENABLED", "DISABLED")
MOST_VARIANTS = 100
MOST_BYTES = 256 * 1024
_FIELDS = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata", AUTHORING})


class FlagType(StrEnum):
    BOOLEAN = "boolean"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    OBJECT = "object"


_TYPES: dict[type, FlagType] = {
    bool: FlagType.BOOLEAN,
    str: FlagType.STRING,
    int: FlagType.INTEGER,
    float: FlagType.FLOAT,
    dict: FlagType.OBJECT,
}


@dataclass(frozen=True)
class FlagDefinition:
    """A valid definition; `type` is that of all its variants, where integers beside floats are floats.

    Default, targeting and metadata are what clients get; `authored` are the members of which they were made, if any.
    """

    type: FlagType
    state: str
    variants: Mapping[str, Json]
    default_variant: str | None
    targeting: Mapping[str, Json]
    metadata: Mapping[str, Any]
    authored: Mapping[str, Json] = field(default_factory=dict)

    @property
    def canonical(self) -> dict[str, Json]:
        """As it was written, without what says nothing: no null default, no empty targeting or metadata."""
        stored: dict[str, Json] = {"state": self.state, "variants": dict(self.variants)}
        if self.authored:
            return copy.deepcopy({**stored, **self.authored})
        if self.default_variant is not None:
            stored["defaultVariant"] = self.default_variant
        if self.targeting:
            stored["targeting"] = dict(self.targeting)
        if self.metadata:
            stored["metadata"] = dict(self.metadata)
        return copy.deepcopy(stored)


def check_key(key: str) -> str:
    """The key itself; `Invalid` unless it is 1 to 100 letters, digits, `_`, `.`, `-` and begins with none of `.-`."""
    if KEY_PATTERN.fullmatch(key) is None:
        raise Invalid([Fault("/key", f"expected a key that matches ^{KEY_PATTERN.pattern}$")])
    return key


def parse_definition(
    raw: Json, *, evaluators: Mapping[str, Json] | None = None, authored: frozenset[str] = AUTHORED
) -> FlagDefinition:
    """The definition that `raw` is; `Invalid` with every fault, each at its JSON Pointer.

    `evaluators` are the shared rules that a `$ref` may name. A published one has no operators of `authored` left.
    """
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "expected an object")])
    faults: Faults = []
    for name in raw.keys() - _FIELDS:
        faults.append(Fault(pointer("", name), "unknown field; expected one of " + ", ".join(sorted(_FIELDS))))
    if raw.get("state") not in STATES or not isinstance(raw.get("state"), str):
        faults.append(Fault("/state", "expected ENABLED or DISABLED"))
    kind = _check_variants(raw.get("variants"), faults)
    variants = raw["variants"] if isinstance(raw.get("variants"), dict) else {}
    default = raw.get("defaultVariant")
    if default is not None and not (isinstance(default, str) and default in variants):
        faults.append(Fault("/defaultVariant", "expected the name of a variant, or null"))
    check_metadata(raw.get("metadata"), faults)
    check = partial(check_rule, evaluators=evaluators or {}, authored=authored)
    made = _plain(raw, check, faults) if AUTHORING in raw else raw
    if made is raw:
        _check_targeting(raw, variants, check, faults)
    if not faults and len(json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()) > MOST_BYTES:
        faults.append(Fault("", f"expected at most {MOST_BYTES} bytes of JSON"))
    if faults or kind is None:
        raise Invalid(sorted(dict.fromkeys(faults), key=lambda fault: fault.path))
    values = {name: float(value) if kind is FlagType.FLOAT else value for name, value in variants.items()}
    return FlagDefinition(
        kind, raw["state"], values, made.get("defaultVariant"), made.get("targeting") or {}, made.get("metadata") or {},
        {} if made is raw else _written(raw),
    )  # fmt: skip


def _written(raw: Mapping[str, Json]) -> dict[str, Json]:
    said = {name: raw[name] for name in ("defaultVariant", "metadata") if raw.get(name)}
    return {**said, AUTHORING: raw[AUTHORING]}


def _plain(raw: Mapping[str, Json], check: Callable[..., None], faults: Faults) -> Mapping[str, Json]:
    """What an authored definition becomes; what it becomes as a whole is looked at once its parts are right."""
    if raw.get("targeting"):
        faults.append(Fault("/targeting", "expected either targeting or authoring, and not both"))

    def checked(rule: Json, path: str, found: Faults) -> None:
        check(rule, path, variants=None, faults=found)

    known = len(faults)
    place = Place("", faults, checked)
    made = compiled(raw, place)
    if len(faults) == known:
        place.at(AUTHORING).made(made.get("targeting"))
        told: Faults = []
        check_metadata(made.get("metadata"), told)
        faults += [Fault(fault.path.replace("/metadata", f"/{AUTHORING}", 1), fault.message) for fault in told]
    return made


def _check_variants(variants: Json, faults: Faults) -> FlagType | None:
    """Check the variants and tell the type they share."""
    if not isinstance(variants, dict) or not 1 <= len(variants) <= MOST_VARIANTS:
        faults.append(Fault("/variants", f"expected an object with 1 to {MOST_VARIANTS} variants"))
        return None
    kinds: dict[FlagType, str] = {}
    for name, value in variants.items():
        path = pointer("/variants", name)
        if not isinstance(name, str) or not name:
            faults.append(Fault(path, "expected a name that is not empty"))
        elif type(value) not in _TYPES:
            faults.append(Fault(path, "expected a boolean, a string, a number or an object"))
        else:
            check_json(name, path, faults)
            check_json(value, path, faults)
            kinds.setdefault(_TYPES[type(value)], path)
    if kinds.keys() == {FlagType.INTEGER, FlagType.FLOAT}:
        return FlagType.FLOAT
    if len(kinds) > 1:
        (first, _), *others = kinds.items()
        for kind, path in others:
            if {first, kind} != {FlagType.INTEGER, FlagType.FLOAT}:
                faults.append(Fault(path, f"expected the type of the other variants, which is {first}"))
    return next(iter(kinds), None)


def _check_targeting(
    raw: Mapping[str, Json], variants: Mapping[str, Json], check: Callable[..., None], faults: Faults
) -> None:
    targeting = raw.get("targeting")
    if targeting is not None and not isinstance(targeting, dict):
        faults.append(Fault("/targeting", "expected an object"))
    elif targeting:
        check(targeting, "/targeting", variants=variants, faults=faults)


def check_metadata(metadata: Json, faults: Faults) -> None:
    """Of a flag or of a flag set: names with booleans, texts and numbers."""
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        faults.append(Fault("/metadata", "expected an object"))
        return
    for name, value in metadata.items():
        path = pointer("/metadata", name)
        if not isinstance(name, str) or not name:
            faults.append(Fault(path, "expected a name that is not empty"))
        elif type(value) not in (bool, str, int, float):
            faults.append(Fault(path, "expected a boolean, a string or a number"))
        else:
            check_json(name, path, faults)
            check_json(value, path, faults)
