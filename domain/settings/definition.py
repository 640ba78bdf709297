"""A definition says what a key may hold, where values of it may stand, and who answers for it."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags.limits import Faults, pointer
from domain.settings.fields import Sensitivity, field_faults
from domain.settings.merging import Merge
from domain.settings.schemas import instance_faults
from domain.settings.scopes import FALLBACK_KIND, ROOT_KIND
from domain.settings.values import UNSET, SettingType, Unset, type_faults

MOST_SHOWN = 20
"""Choices in one message."""
_BY_SIZE = (Merge.REPLACE, Merge.MIN, Merge.MAX)
_MERGES: dict[SettingType, tuple[Merge, ...]] = {
    SettingType.INTEGER: _BY_SIZE,
    SettingType.NUMBER: _BY_SIZE,
    SettingType.DURATION: _BY_SIZE,
    SettingType.BOOLEAN: (Merge.REPLACE, Merge.AND, Merge.OR),
    SettingType.JSON: (Merge.REPLACE, Merge.DEEP_MERGE),
    SettingType.LIST: (Merge.REPLACE, Merge.SET_UNION, Merge.APPEND),
}
"""How values of a type can meet; where nothing is said they only replace each other."""


@dataclass(frozen=True)
class Definition:
    """A valid definition: `scopes` are the kinds of scope at which values may stand, `default` is UNSET without one.

    In production `fallback` says where the key is from while production itself says nothing of it. What
    `drives_calendar` stays in production while a period of that calendar has begun.
    """

    key: str
    type: SettingType
    schema: Mapping[str, Json] | None = None
    choices: tuple[str, ...] = ()
    scopes: tuple[str, ...] = (ROOT_KIND,)
    fallback: Environment | None = None
    merge: Merge = Merge.REPLACE
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    financial: bool = False
    nullable: bool = False
    default: Json | Unset = UNSET
    description: str = ""
    owner: str = ""
    ui: Mapping[str, Json] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    drives_calendar: str | None = None

    def faults(self, value: Json, path: str = "") -> Faults:
        """Why the key may not hold `value`: null where it is not allowed, then the type, then choices and schema."""
        if value is None:
            return [] if self.nullable else [Fault(path, "expected a value: this setting is never null")]
        faults = type_faults(self.type, value, path)
        if faults:
            return faults
        if self.type is SettingType.ENUM and value not in self.choices:
            shown = ", ".join(self.choices[:MOST_SHOWN])
            faults.append(Fault(path, f"expected one of the {len(self.choices)} choices: {shown}"))
        return faults if self.schema is None else faults + instance_faults(self.schema, value, path)

    def to_json(self) -> dict[str, Json]:
        """The definition as plain JSON, from which the same one is parsed; without the fields that say nothing."""
        stored: dict[str, Json] = {
            "key": self.key,
            "type": str(self.type),
            "scopes": list(self.scopes),
            "merge": str(self.merge),
            "sensitivity": str(self.sensitivity),
            "financial": self.financial,
            "nullable": self.nullable,
        }
        spoken: dict[str, Json] = {"choices": list(self.choices), "ui": self.ui, "tags": list(self.tags)}
        spoken |= {"description": self.description, "owner": self.owner}
        stored |= {name: value for name, value in spoken.items() if value}
        if self.schema is not None:
            stored["schema"] = self.schema
        if self.default is not UNSET:
            stored["default"] = self.default
        if self.fallback is not None:
            stored["fallback"] = self.fallback.value
        if self.drives_calendar is not None:
            stored["drives_calendar"] = self.drives_calendar
        return copy.deepcopy(stored)


def parse_setting_definition(raw: Json) -> Definition:
    """The definition that `raw` is; `Invalid` with every fault, each at its JSON Pointer."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "expected an object")])
    faults = field_faults(raw)
    broken = {fault.path.split("/")[1] for fault in faults}
    sound = {name: value for name, value in raw.items() if name not in broken}
    definition = _definition_of(sound) if "type" in sound else None
    if definition is not None:
        faults += [fault for fault in _joint_faults(definition) if fault.path.split("/")[1] not in broken]
    if faults or definition is None:
        raise Invalid(sorted(faults, key=lambda fault: fault.path))
    return definition


def incompatible(new: Definition, stored: Iterable[tuple[str, Json]], *, old: Definition | None = None) -> Faults:
    """Why `new` cannot take the place of `old` over stored values, each with a label that ends in its scope's text.

    Faults of values are at `/stored/<label>`, those of the definition at its fields. No message repeats a value.
    """
    faults: Faults = []
    if old is not None and old.type is not new.type:
        faults.append(Fault("/type", f"expected {old.type}: the type of a setting does not change"))
    homeless: dict[str, list[str]] = {}
    for label, value in stored:
        faults += new.faults(value, pointer("/stored", label))
        kind = label.rpartition("/")[2].rpartition(":")[0] or ROOT_KIND
        if label == f"{Environment.STAGING.value}/" and old is not None and old.fallback is not new.fallback:
            faults.append(
                Fault("/fallback", "expected as it was: take back what staging says of it, and write it anew")
            )
        if kind not in (*new.scopes, FALLBACK_KIND):
            homeless.setdefault(kind, []).append(label)
    faults += [
        Fault("/scopes", f"expected {kind} among the kinds: {len(labels)} values stand at such scopes")
        for kind, labels in homeless.items()
    ]
    return faults


def _fallback_faults(definition: Definition) -> Faults:
    """It stands in for a value of the tenant, and a seal is bound to its environment."""
    if definition.fallback is None:
        return []
    if definition.drives_calendar is not None:
        return [Fault("/fallback", "expected none of what drives a calendar: production says it itself")]
    plain = definition.merge is Merge.REPLACE and ROOT_KIND in definition.scopes
    if plain and definition.sensitivity is not Sensitivity.SECRET:
        return []
    return [Fault("/fallback", f"expected none of a secret, and else the scope {ROOT_KIND} and the merge replace")]


def _definition_of(raw: Mapping[str, Json]) -> Definition:
    kind = SettingType(raw["type"])
    sensitivity = Sensitivity.SECRET if kind is SettingType.SECRET else Sensitivity.INTERNAL
    return Definition(
        key=raw.get("key", ""),
        type=kind,
        schema=copy.deepcopy(raw.get("schema")),
        choices=tuple(raw.get("choices", ())),
        scopes=tuple(raw.get("scopes", (ROOT_KIND,))),
        fallback=Environment(raw["fallback"]) if "fallback" in raw else None,
        merge=Merge(raw.get("merge", Merge.REPLACE)),
        sensitivity=Sensitivity(raw.get("sensitivity", sensitivity)),
        financial=raw.get("financial", False),
        nullable=raw.get("nullable", False),
        default=copy.deepcopy(raw.get("default", UNSET)),
        description=raw.get("description", ""),
        owner=raw.get("owner", ""),
        ui=copy.deepcopy(raw.get("ui", {})),
        tags=tuple(raw.get("tags", ())),
        drives_calendar=raw.get("drives_calendar"),
    )


def _joint_faults(definition: Definition) -> Faults:
    """What is wrong with fields only beside others."""
    faults: Faults = []
    kind, merges = definition.type, _MERGES.get(definition.type, (Merge.REPLACE,))
    if definition.merge not in merges:
        faults.append(Fault("/merge", f"expected one of {', '.join(merges)} for the type {kind}"))
    misplaced = (kind is SettingType.ENUM) != bool(definition.choices)
    if misplaced:
        faults.append(Fault("/choices", f"expected choices for the type {SettingType.ENUM}, and for no other"))
    if kind is SettingType.SECRET and definition.sensitivity is not Sensitivity.SECRET:
        faults.append(Fault("/sensitivity", f"expected {Sensitivity.SECRET} for the type {kind}"))
    faults += _fallback_faults(definition)
    if definition.default is UNSET or misplaced:
        return faults
    if definition.sensitivity is Sensitivity.SECRET:
        return [*faults, Fault("/default", "expected no default: a definition can be read, a secret cannot")]
    return faults + definition.faults(definition.default, "/default")
