"""A gate spec says how much worse a candidate may be, and how much evidence it takes to say so."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from domain.canonical import Json
from domain.errors import Fault, Invalid


@dataclass(frozen=True, slots=True)
class ErrorRateGate:
    """`increase` is relative (0.05 = five per cent more errors); `weight` is this gate's share of the alpha."""

    increase: float = 0.05
    weight: float = 1.0
    max_tolerable_ratio: float = 2.0
    beta: float = 0.05
    min_abs_effect: float = 0.001
    max_error_rate_abs: float = 0.01

    @property
    def limit(self) -> float:
        return 1.0 + self.increase


@dataclass(frozen=True, slots=True)
class LatencyGate:
    """The candidate's `quantile` may be at most `ratio` times the control's.

    Effects smaller than `min_abs_effect_s` seconds never count.
    """

    ratio: float = 2.0
    quantile: float = 0.95
    weight: float = 1.0
    beta: float = 0.05
    min_abs_effect_s: float = 0.02
    max_tolerable_ratio: float = 2.0


@dataclass(frozen=True, slots=True)
class HardStop:
    """So many errors in one check need no statistics."""

    error_rate: float = 0.5
    min_requests: int = 20


@dataclass(frozen=True, slots=True)
class GateSpec:
    """`alpha_total` bounds the probability that an innocent candidate is ever failed, over all gates and stages."""

    error_rate: ErrorRateGate = field(default_factory=ErrorRateGate)
    latency: LatencyGate | None = None
    alpha_total: float = 0.05
    min_requests: int = 1000
    min_checks: int = 5
    caution: float = 3.0
    hard_stop: HardStop = field(default_factory=HardStop)

    def alpha_of(self, gate: ErrorRateGate | LatencyGate) -> float:
        """The gate's share of `alpha_total`, by weight."""
        latency = self.latency.weight if self.latency is not None else 0.0
        return self.alpha_total * gate.weight / (self.error_rate.weight + latency)

    def to_json(self) -> Json:
        return asdict(self)


_BOUNDS: dict[type, dict[str, tuple[float, float]]] = {
    ErrorRateGate: {
        "increase": (0.0, 10.0),
        "weight": (0.01, 100.0),
        "max_tolerable_ratio": (1.11, 100.0),
        "beta": (1e-6, 0.5),
        "min_abs_effect": (0.0, 0.5),
        "max_error_rate_abs": (1e-6, 0.5),
    },
    LatencyGate: {
        "ratio": (1.0, 100.0),
        "quantile": (0.9, 0.999),
        "weight": (0.01, 100.0),
        "beta": (1e-6, 0.5),
        "min_abs_effect_s": (0.0, 3600.0),
        "max_tolerable_ratio": (1.11, 100.0),
    },
    HardStop: {"error_rate": (0.01, 1.0), "min_requests": (1, 1_000_000_000)},
    GateSpec: {
        "alpha_total": (1e-6, 0.25),
        "min_requests": (1, 1_000_000_000),
        "min_checks": (1, 1000),
        "caution": (1.0, 1000.0),
    },
}
_WHOLE = {"min_requests", "min_checks"}
_Part = TypeVar("_Part")


def parse_gate_spec(raw: Json) -> GateSpec:
    """The spec in `raw`, absent fields at their defaults; Invalid with one JSON Pointer for each fault."""
    faults: list[Fault] = []
    numbers = _numbers(GateSpec, raw, "", faults)
    given = raw if isinstance(raw, dict) else {}
    error_rate = _part(ErrorRateGate, given.get("error_rate", {}), "/error_rate", faults)
    latency = given.get("latency")
    latency = None if latency is None else _part(LatencyGate, latency, "/latency", faults)
    hard_stop = _part(HardStop, given.get("hard_stop", {}), "/hard_stop", faults)
    if error_rate.max_tolerable_ratio <= error_rate.limit:
        faults.append(Fault("/error_rate/max_tolerable_ratio", f"must be above the limit {error_rate.limit:g}"))
    if faults:
        raise Invalid(faults)
    return GateSpec(error_rate=error_rate, latency=latency, hard_stop=hard_stop, **numbers)


def _part(part: type[_Part], raw: Json, pointer: str, faults: list[Fault]) -> _Part:
    return part(**_numbers(part, raw, pointer, faults))


def _numbers(part: type, raw: Json, pointer: str, faults: list[Fault]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        faults.append(Fault(pointer, "must be an object"))
        return {}
    known = {each.name for each in fields(part)}
    faults.extend(Fault(f"{pointer}/{_escaped(name)}", "is not a field") for name in raw if name not in known)
    read: dict[str, Any] = {}
    for name, bounds in _BOUNDS[part].items():
        if name in raw:
            fault = _fault(raw[name], bounds, whole=name in _WHOLE)
            if fault:
                faults.append(Fault(f"{pointer}/{name}", fault))
            else:
                read[name] = int(raw[name]) if name in _WHOLE else float(raw[name])
    return read


def _fault(given: object, bounds: tuple[float, float], *, whole: bool) -> str | None:
    low, high = bounds
    if isinstance(given, bool) or not isinstance(given, int | float) or (whole and given != given // 1):
        return "must be a whole number" if whole else "must be a number"
    return None if low <= given <= high else f"must be between {low:g} and {high:g}"


def _escaped(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
