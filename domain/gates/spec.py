"""A gate spec says how much worse a candidate may be, and how much evidence it takes to say so."""

from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any

from domain.canonical import Json


class Unit(StrEnum):
    RELATIVE = "relative"
    POINTS = "pp"


class Mode(StrEnum):
    STATISTICAL = "statistical"
    THRESHOLD = "threshold"


LATER: Any = {"later": True}
"""Of a field that records of gates/1 do not have: they are written as before while it has its default."""


@dataclass(frozen=True, slots=True)
class ErrorRateGate:
    """`increase` is relative (0.05 = five per cent more errors), or in points (0.05 = five percentage points more).

    `weight` is this gate's share of the alpha. Tenants drift by themselves, so that against their own past the evidence
    must be for more than `tenant_increase`. `mode` threshold is the literal rule: over the limit in `strikes` checks in
    a row, once there were enough requests.
    """

    increase: float = 0.05
    weight: float = 1.0
    max_tolerable_ratio: float = 2.0
    beta: float = 0.05
    min_abs_effect: float = 0.001
    max_error_rate_abs: float = 0.01
    unit: Unit = field(default=Unit.RELATIVE, metadata=LATER)
    mode: Mode = field(default=Mode.STATISTICAL, metadata=LATER)
    strikes: int = field(default=3, metadata=LATER)
    tenant_increase: float = field(default=0.25, metadata=LATER)

    @property
    def limit(self) -> float:
        """What the ratio of the rates may be; of points there is no such ratio until the control's rate is known."""
        return 1.0 + self.increase if self.unit is Unit.RELATIVE else 1.0

    @property
    def past_limit(self) -> float:
        """The same against a cohort's own past."""
        return max(self.limit, 1.0 + self.tenant_increase)


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
    mode: Mode = field(default=Mode.STATISTICAL, metadata=LATER)
    strikes: int = field(default=3, metadata=LATER)


@dataclass(frozen=True, slots=True)
class HardStop:
    """So many errors in one check, or probes from outside that fail so often in a row, need no statistics."""

    error_rate: float = 0.5
    min_requests: int = 20
    synthetic_checks: int = field(default=2, metadata=LATER)


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Hold when the candidate's share of the requests is not the share of the plan, at an E of `threshold`.

    `tolerance` is how far the odds may be off: the plan splits subjects, and some make more requests than others.
    """

    threshold: float = 1000.0
    tolerance: float = 0.5


@dataclass(frozen=True, slots=True)
class FixForward:
    """Where what is stable is itself broken, the candidate is held to `max_error_rate` and not to what is stable."""

    max_error_rate: float = 0.05


@dataclass(frozen=True, slots=True)
class NamedGate:
    """A gate on metrics of its own that never rolls back: a signal holds until `calm_checks` are calm, an info tells.

    `metrics` are templates, or the key that applications report under.
    """

    name: str
    error_rate: ErrorRateGate | None = None
    latency: LatencyGate | None = None
    metrics: Json = None
    calm_checks: int = 3


@dataclass(frozen=True, slots=True)
class GateSpec:
    """`alpha_total` bounds the probability that an innocent candidate is ever failed, over all gates and stages.

    `acknowledge_infeasible`: whoever proposes knows that the traffic is too small for this gate to see three times as
    many errors. `min_detectable_ratio` is what was measured then, for whoever is to approve; no verdict looks at it.
    """

    error_rate: ErrorRateGate = field(default_factory=ErrorRateGate)
    latency: LatencyGate | None = None
    alpha_total: float = 0.05
    min_requests: int = 1000
    min_checks: int = 5
    caution: float = 3.0
    hard_stop: HardStop = field(default_factory=HardStop)
    tail_latency: LatencyGate | None = field(default=None, metadata=LATER)
    sample_ratio: SampleRatio | None = field(default=None, metadata=LATER)
    fix_forward: FixForward | None = field(default=None, metadata=LATER)
    signals: tuple[NamedGate, ...] = field(default=(), metadata=LATER)
    infos: tuple[NamedGate, ...] = field(default=(), metadata=LATER)
    acknowledge_infeasible: bool = field(default=False, metadata=LATER)
    min_detectable_ratio: float | None = field(default=None, metadata=LATER)

    def alpha_of(self, gate: ErrorRateGate | LatencyGate) -> float:
        """The gate's share of `alpha_total`, by weight."""
        latency = self.latency.weight if self.latency is not None else 0.0
        others = latency + (self.tail_latency.weight if self.tail_latency is not None else 0.0)
        return self.alpha_total * gate.weight / (self.error_rate.weight + others)

    @property
    def latencies(self) -> tuple[tuple[str, LatencyGate], ...]:
        """The latency gates by name."""
        given = (("latency", self.latency), ("tail_latency", self.tail_latency))
        return tuple((name, gate) for name, gate in given if gate is not None)

    def to_json(self) -> Json:
        return _plain(self)


def _plain(part: Any) -> Json:
    if is_dataclass(part):
        told = [each for each in fields(part) if not each.metadata or getattr(part, each.name) != each.default]
        return {each.name: _plain(getattr(part, each.name)) for each in told}
    return [_plain(each) for each in part] if isinstance(part, tuple) else part
