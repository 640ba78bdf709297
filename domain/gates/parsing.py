"""A gate spec from outside names every fault by its JSON Pointer, and what it leaves out has its default."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.gates.query import SAFE, parse_templates
from domain.gates.spec import (
    ErrorRateGate,
    FixForward,
    GateSpec,
    HardStop,
    LatencyGate,
    Mode,
    NamedGate,
    SampleRatio,
    Unit,
)
from domain.pointers import escaped

MOST_NAMED = 20
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}\Z")
_OWN_NAMES = {"error_rate", "latency", "tail_latency", "synthetic", "sample_ratio"}
_Bounds = dict[str, tuple[float, float]]
_LATENCY: _Bounds = {
    "ratio": (1.0, 100.0),
    "quantile": (0.9, 0.999),
    "weight": (0.01, 100.0),
    "beta": (1e-6, 0.5),
    "min_abs_effect_s": (0.0, 3600.0),
    "max_tolerable_ratio": (1.11, 100.0),
    "strikes": (1, 100),
}
_BOUNDS: dict[type, _Bounds] = {
    ErrorRateGate: {
        "increase": (0.0, 10.0),
        "weight": (0.01, 100.0),
        "max_tolerable_ratio": (1.11, 100.0),
        "beta": (1e-6, 0.5),
        "min_abs_effect": (0.0, 0.5),
        "max_error_rate_abs": (1e-6, 0.5),
        "strikes": (1, 100),
        "tenant_increase": (0.0, 10.0),
    },
    LatencyGate: _LATENCY,
    HardStop: {"error_rate": (0.01, 1.0), "min_requests": (1, 1_000_000_000), "synthetic_checks": (1, 100)},
    SampleRatio: {"threshold": (20.0, 1e9), "tolerance": (0.0, 10.0)},
    FixForward: {"max_error_rate": (1e-6, 0.5)},
    NamedGate: {"calm_checks": (1, 100)},
    GateSpec: {
        "alpha_total": (1e-6, 0.25),
        "min_requests": (1, 1_000_000_000),
        "min_checks": (1, 1000),
        "caution": (1.0, 1000.0),
        "min_detectable_ratio": (1.0, 1e9),
    },
}
_WHOLE = {"min_requests", "min_checks", "strikes", "synthetic_checks", "calm_checks"}
_CHOICES: dict[str, type[StrEnum]] = {"unit": Unit, "mode": Mode}
_MOST_POINTS = 0.5
_Part = TypeVar("_Part")


@dataclass
class _Reading:
    """What has been found wrong so far."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, pointer: str, message: str) -> None:
        self.faults.append(Fault(pointer, message))

    def part(self, kind: type[_Part], raw: Json, pointer: str) -> _Part | None:
        """The object at `pointer`; None where it is not one or has a fault."""
        if not isinstance(raw, dict):
            self.fault(pointer, "must be an object")
            return None
        before = len(self.faults)
        values = self.values(kind, raw, pointer)
        return kind(**values) if len(self.faults) == before else None

    def values(self, kind: type, raw: dict[str, Json], pointer: str) -> dict[str, Any]:
        known = {each.name for each in fields(kind)}
        for name in raw:
            if name not in known:
                self.fault(f"{pointer}/{escaped(str(name))}", "is not a field")
        read: dict[str, Any] = {}
        for name in [name for name in raw if name in known]:
            where = f"{pointer}/{name}"
            if name in _BOUNDS[kind]:
                self.number(raw[name], _BOUNDS[kind][name], where, name, read)
            elif name in _CHOICES:
                if raw[name] not in list(_CHOICES[name]):
                    self.fault(where, "one of " + ", ".join(_CHOICES[name]))
                else:
                    read[name] = _CHOICES[name](raw[name])
        return read

    def number(self, given: Json, bounds: tuple[float, float], where: str, name: str, read: dict[str, Any]) -> None:
        whole, (low, high) = name in _WHOLE, bounds
        if isinstance(given, bool) or not isinstance(given, int | float) or (whole and given != given // 1):
            self.fault(where, "must be a whole number" if whole else "must be a number")
        elif not low <= given <= high:
            self.fault(where, f"must be between {low:g} and {high:g}")
        else:
            read[name] = int(given) if whole else float(given)


def parse_gate_spec(raw: Json) -> GateSpec:
    """The spec in `raw`, absent fields at their defaults; Invalid with one JSON Pointer for each fault."""
    reading = _Reading()
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "must be an object")])
    values = reading.values(GateSpec, raw, "")
    for name, kind, may_be_null in _PARTS:
        if name in raw and not (may_be_null and raw[name] is None):
            values[name] = reading.part(kind, _with_defaults(name, raw[name]), f"/{name}")
    for name in ("signals", "infos"):
        if raw.get(name):
            values[name] = _named(reading, raw[name], f"/{name}")
    acknowledged = raw.get("acknowledge_infeasible", False)
    if not isinstance(acknowledged, bool):
        reading.fault("/acknowledge_infeasible", "true or false")
    _together(reading, values)
    if reading.faults:
        raise Invalid(reading.faults)
    return GateSpec(**values, acknowledge_infeasible=acknowledged)


_PARTS: tuple[tuple[str, type[Any], bool], ...] = (
    ("error_rate", ErrorRateGate, False),
    ("latency", LatencyGate, True),
    ("tail_latency", LatencyGate, True),
    ("hard_stop", HardStop, False),
    ("sample_ratio", SampleRatio, True),
    ("fix_forward", FixForward, True),
)


def _with_defaults(name: str, raw: Json) -> Json:
    """A second latency gate looks further out: at the slowest in a hundred, unless it says otherwise."""
    return {"quantile": 0.99, **raw} if name == "tail_latency" and isinstance(raw, dict) else raw


def _named(reading: _Reading, raw: Json, pointer: str) -> tuple[NamedGate, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_NAMED:
        reading.fault(pointer, f"a list of at most {MOST_NAMED} gates")
        return ()
    return tuple(_one_named(reading, each, f"{pointer}/{index}") for index, each in enumerate(raw))


def _one_named(reading: _Reading, raw: Json, pointer: str) -> NamedGate:
    if not isinstance(raw, dict):
        reading.fault(pointer, "must be an object")
        return NamedGate("")
    values = reading.values(NamedGate, raw, pointer)
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.match(name) or name in _OWN_NAMES:
        reading.fault(f"{pointer}/name", "a name of its own: a-z, digits, _ and -")
        name = ""
    if (raw.get("error_rate") is None) == (raw.get("latency") is None):
        reading.fault(pointer, "has error_rate or latency, and not both")
    elif raw.get("latency") is not None:
        values["latency"] = reading.part(LatencyGate, raw["latency"], f"{pointer}/latency")
    else:
        values["error_rate"] = reading.part(ErrorRateGate, raw["error_rate"], f"{pointer}/error_rate")
    return NamedGate(name=name, metrics=_metrics(reading, raw.get("metrics"), f"{pointer}/metrics"), **values)


def _metrics(reading: _Reading, raw: Json, pointer: str) -> Json:
    """Either templates, with or without $variant, or a key."""
    if isinstance(raw, dict) and raw.keys() == {"key"}:
        if not isinstance(raw["key"], str) or not SAFE.match(raw["key"]):
            reading.fault(f"{pointer}/key", "may hold letters, digits, spaces and . _ : / @ + -")
        return raw
    if not isinstance(raw, dict) or raw.keys() != {"templates"}:
        reading.fault(pointer, "has templates, or the key that applications report under")
        return None
    cohort = "$variant" not in str(raw["templates"])
    return _checked(
        reading, lambda: {"templates": parse_templates(raw["templates"], "", cohort=cohort).to_json()}, pointer
    )


def _checked(reading: _Reading, parse: Callable[[], Json], pointer: str) -> Json:
    try:
        return parse()
    except Invalid as refusal:
        reading.faults.extend(Fault(f"{pointer}/templates{fault.path}", fault.message) for fault in refusal.faults)
        return None


def _together(reading: _Reading, values: dict[str, Any]) -> None:
    """What no field can say alone."""
    gate = values.get("error_rate") or ErrorRateGate()
    if gate.max_tolerable_ratio <= gate.limit:
        reading.fault("/error_rate/max_tolerable_ratio", f"must be above the limit {gate.limit:g}")
    if gate.unit is Unit.POINTS and gate.increase > _MOST_POINTS:
        reading.fault("/error_rate/increase", "at most 0.5: half of all requests")
    names = [each.name for each in (*values.get("signals", ()), *values.get("infos", ())) if each.name]
    if len(set(names)) < len(names):
        reading.fault("", "no two signals or infos have one name")
