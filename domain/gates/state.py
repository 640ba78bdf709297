"""The state of a gate is everything that later checks need: small, frozen, and the same after a trip through JSON."""

from dataclasses import dataclass, field, replace

from domain.canonical import Json
from domain.gates.evidence import LatencyEvidence, RateEvidence
from domain.gates.readings import Reading
from domain.gates.windows import Gap


@dataclass(frozen=True, slots=True)
class StageClock:
    """Where the rollout stands when a check is judged: the caller's clock, never the provider's.

    `index` changes when exposure changes; `control_expected` is False where everyone gets the candidate.
    """

    index: int
    soaked_s: float
    min_soak_s: float
    max_soak_reached: bool = False
    control_expected: bool = True

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}

    @staticmethod
    def from_json(raw: Json) -> "StageClock":
        return StageClock(
            int(raw["index"]),
            float(raw["soaked_s"]),
            float(raw["min_soak_s"]),
            bool(raw["max_soak_reached"]),
            bool(raw["control_expected"]),
        )


@dataclass(frozen=True, slots=True)
class GateState:
    """`stage_checks` and `stage_requests` count measured windows of this stage; the rest spans the rollout."""

    last: Reading | None = None
    stage: int = 0
    stage_checks: int = 0
    stage_requests: int = 0
    checks: int = 0
    resets: int = 0
    blind: int = 0
    provider_errors: int = 0
    errors: RateEvidence = field(default_factory=RateEvidence)
    latency: LatencyEvidence = field(default_factory=LatencyEvidence)

    def at_stage(self, index: int) -> "GateState":
        """One more check; a new stage begins its own counts and keeps the evidence."""
        if index == self.stage:
            return replace(self, checks=self.checks + 1)
        return replace(self, stage=index, stage_checks=0, stage_requests=0, checks=self.checks + 1)

    def with_provider_error(self) -> "GateState":
        return replace(self, provider_errors=self.provider_errors + 1)

    def with_gap(self, gap: Gap, later: Reading) -> "GateState":
        """No window: counters change, evidence does not."""
        if gap is Gap.COUNTER_RESET:
            return replace(self, last=later, resets=self.resets + 1)
        if gap is Gap.FIRST_READING:
            return replace(self, last=later)
        if gap is Gap.ERRORS_EXCEED_REQUESTS:
            return self.with_provider_error()
        return replace(self, last=self.last or later, blind=self.blind + 1)

    def to_json(self) -> Json:
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            "last": self.last and self.last.to_json(),
            "errors": self.errors.to_json(),
            "latency": self.latency.to_json(),
        }

    @staticmethod
    def from_json(raw: Json) -> "GateState":
        return GateState(
            Reading.from_json(raw["last"]) if raw["last"] is not None else None,
            errors=RateEvidence.from_json(raw["errors"]),
            latency=LatencyEvidence.from_json(raw["latency"]),
            **{name: int(raw[name]) for name in _COUNTERS},
        )


_COUNTERS = ("stage", "stage_checks", "stage_requests", "checks", "resets", "blind", "provider_errors")
