"""The state of a gate is everything that later checks need: small, frozen, and the same after a trip through JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from domain.canonical import Json
from domain.gates.baseline import Baseline
from domain.gates.evidence import LatencyEvidence, RateEvidence
from domain.gates.observations import Measured, measured_from_json
from domain.gates.sample_ratio import SampleEvidence
from domain.gates.windows import Gap


@dataclass(frozen=True, slots=True)
class StageClock:
    """Where the rollout stands when a check is judged: the caller's clock, never the provider's.

    `index` changes when exposure changes; `control_expected` is False where everyone gets the candidate. `share` is
    what the plan serves of it, where that is a share of requests; `candidates` are the tenants of a cohort with it.
    """

    index: int
    soaked_s: float
    min_soak_s: float
    max_soak_reached: bool = False
    control_expected: bool = True
    share: float | None = None
    candidates: tuple[str, ...] = ()

    def to_json(self) -> Json:
        told = {name: getattr(self, name) for name in self.__slots__ if name not in {"share", "candidates"}}
        if self.share is not None:
            told["share"] = self.share
        if self.candidates:
            told["candidates"] = list(self.candidates)
        return told

    @staticmethod
    def from_json(raw: Json) -> "StageClock":
        return StageClock(
            int(raw["index"]),
            float(raw["soaked_s"]),
            float(raw["min_soak_s"]),
            bool(raw["max_soak_reached"]),
            bool(raw["control_expected"]),
            raw.get("share"),
            tuple(raw.get("candidates", ())),
        )


@dataclass(frozen=True, slots=True)
class NamedState:
    """What a signal or an info has seen; a signal that `regressed` stays so until enough checks were `calm`."""

    gate: "GateState"
    regressed: bool = False
    calm: int = 0

    def to_json(self) -> Json:
        return {"gate": self.gate.to_json(), "regressed": self.regressed, "calm": self.calm}

    @staticmethod
    def from_json(raw: Json) -> "NamedState":
        return NamedState(GateState.from_json(raw["gate"]), bool(raw["regressed"]), int(raw["calm"]))


@dataclass(frozen=True, slots=True)
class GateState:
    """`stage_checks` and `stage_requests` count measured windows of this stage; the rest spans the rollout.

    `blindness` counts by cause the checks that saw nothing, `falls` the probes in a row that found the candidate down.
    `exposed` are the tenants of a cohort that had the candidate at the last reading; `past` is what was seen since
    nobody was beside it.
    """

    last: Measured | None = None
    stage: int = 0
    stage_checks: int = 0
    stage_requests: int = 0
    checks: int = 0
    resets: int = 0
    blind: int = 0
    provider_errors: int = 0
    errors: RateEvidence = field(default_factory=RateEvidence)
    latency: LatencyEvidence = field(default_factory=LatencyEvidence)
    tail_latency: LatencyEvidence = field(default_factory=LatencyEvidence)
    past: RateEvidence = field(default_factory=RateEvidence)
    sample: SampleEvidence = field(default_factory=SampleEvidence)
    baseline: Baseline | None = None
    exposed: tuple[str, ...] = ()
    falls: int = 0
    blindness: tuple[tuple[str, int], ...] = ()
    named: dict[str, NamedState] = field(default_factory=dict)

    def at_stage(self, index: int) -> "GateState":
        """One more check; a new stage begins its own counts and keeps the evidence."""
        if index == self.stage:
            return replace(self, checks=self.checks + 1)
        return replace(self, stage=index, stage_checks=0, stage_requests=0, checks=self.checks + 1)

    def with_provider_error(self, cause: str) -> "GateState":
        return replace(self, provider_errors=self.provider_errors + 1, blindness=self._blinder(cause))

    def with_gap(self, gap: Gap, later: Measured, exposed: tuple[str, ...] = ()) -> "GateState":
        """No window: counters change, evidence does not."""
        seen = replace(later, provenance=None)
        if gap is Gap.COUNTER_RESET:
            return replace(self, last=seen, exposed=exposed, resets=self.resets + 1)
        if gap is Gap.FIRST_READING:
            return replace(self, last=seen, exposed=exposed)
        if gap is Gap.ERRORS_EXCEED_REQUESTS:
            return self.with_provider_error(gap.value)
        first = {} if self.last is not None else {"last": seen, "exposed": exposed}
        return replace(self, blind=self.blind + 1, blindness=self._blinder(gap.value), **first)  # type: ignore[arg-type]  # fields of this class, given by name

    def _blinder(self, cause: str) -> tuple[tuple[str, int], ...]:
        counted = dict(self.blindness)
        return tuple(sorted({**counted, cause: counted.get(cause, 0) + 1}.items()))

    def to_json(self) -> Json:
        fresh = GateState()
        later: dict[str, Callable[[], Json]] = {
            "tail_latency": self.tail_latency.to_json,
            "past": self.past.to_json,
            "sample": self.sample.to_json,
            "baseline": lambda: self.baseline and self.baseline.to_json(),
            "exposed": lambda: list(self.exposed),
            "falls": lambda: self.falls,
            "blindness": lambda: dict(self.blindness),
            "named": lambda: {name: each.to_json() for name, each in sorted(self.named.items())},
        }
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            "last": self.last and self.last.to_json(),
            "errors": self.errors.to_json(),
            "latency": self.latency.to_json(),
            **{name: tell() for name, tell in later.items() if getattr(self, name) != getattr(fresh, name)},
        }

    @staticmethod
    def from_json(raw: Json) -> "GateState":
        tail, past = raw.get("tail_latency"), raw.get("past")
        return GateState(
            measured_from_json(raw["last"]) if raw["last"] is not None else None,
            errors=RateEvidence.from_json(raw["errors"]),
            latency=LatencyEvidence.from_json(raw["latency"]),
            tail_latency=LatencyEvidence() if tail is None else LatencyEvidence.from_json(tail),
            past=RateEvidence() if past is None else RateEvidence.from_json(past),
            sample=SampleEvidence.from_json(raw.get("sample")),
            baseline=Baseline.from_json(raw.get("baseline")),
            exposed=tuple(raw.get("exposed", ())),
            falls=int(raw.get("falls", 0)),
            blindness=tuple(sorted((cause, int(count)) for cause, count in raw.get("blindness", {}).items())),
            named={name: NamedState.from_json(each) for name, each in raw.get("named", {}).items()},
            **{name: int(raw[name]) for name in _COUNTERS},
        )


_COUNTERS = ("stage", "stage_checks", "stage_requests", "checks", "resets", "blind", "provider_errors")
