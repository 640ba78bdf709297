"""Evidence only accumulates: every measured window adds to it, and it is carried from stage to stage."""

from dataclasses import dataclass, field, replace

from domain.canonical import Json
from domain.gates import eprocess
from domain.gates.baseline import SlowPast
from domain.gates.eprocess import (
    HARM_RATIOS,
    HEALTH_RATIOS,
    NO_HARM,
    NO_HEALTH,
    NO_SLOWDOWN,
    NO_SPEEDUP,
    SLOWDOWNS,
    SPEEDUPS,
    Logs,
)
from domain.gates.latency import added, frozen_threshold, slower_than
from domain.gates.readings import Buckets, Counts, buckets_from_json, buckets_to_json
from domain.gates.spec import LatencyGate
from domain.gates.windows import SlowWindow

Pair = tuple[float, float]
LEAST_APART = 1.25
"""Tenants drift by so much on their own."""
_LATER = {"expected", "strikes"}
"""What records of gates/1 do not have."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the bets are about: a ratio of at most `limit`, and of at least `tolerable`; no bet without a limit.

    Counts are divided by `phi`, the clustering of events: five errors in one burst are as good as one.
    """

    limit: float | None
    tolerable: float
    phi: float = 1.0


@dataclass(frozen=True, slots=True)
class RateEvidence:
    """How often an event (an error, a slow request) happened in both arms at the same times.

    `even_*` are Mantel-Haenszel sums over windows: both arms weighted alike, so that an incident shared by both, or a
    split that grows from stage to stage, does not distort the ratio. `harm` and `health` are the logs of the bets.
    `expected` are the events that the candidate would have had by its own past, and `strikes` the windows in a row in
    which the measured rate was over the limit.
    """

    candidate: int = 0
    candidate_events: int = 0
    control: int = 0
    control_events: int = 0
    even_candidate: float = 0.0
    even_control: float = 0.0
    even_weight: float = 0.0
    harm: Logs = NO_HARM
    health: Logs = NO_HEALTH
    peak: float = 0.0
    expected: float = 0.0
    strikes: int = 0

    @property
    def rates(self) -> tuple[float, float] | None:
        """(candidate, control) rate, both standardised to the same times; None before both arms had traffic."""
        if self.even_weight == 0.0:
            return None
        return self.even_candidate / self.even_weight, self.even_control / self.even_weight

    def with_window(
        self, candidate: tuple[int, int], control: tuple[int, int], terms: Terms, expected: Pair | None = None
    ) -> "RateEvidence":
        """One more window; `candidate` and `control` are (requests, events) in it.

        With `expected`, each arm is measured by the events that were to be expected of it, not by its requests.
        """
        (n, x), (m, y) = candidate, control
        w, v = expected or (n, m)
        both = w + v or 1
        counted = replace(
            self,
            candidate=self.candidate + n,
            candidate_events=self.candidate_events + x,
            control=self.control + m,
            control_events=self.control_events + y,
            even_candidate=self.even_candidate + x * v / both,
            even_control=self.even_control + y * w / both,
            even_weight=self.even_weight + w * v / both,
            expected=self.expected + (w if expected else 0.0),
        )
        if terms.limit is None:
            return counted
        events = (x / terms.phi, y / terms.phi)
        ratios = tuple([terms.limit * each for each in HARM_RATIOS])
        harm = eprocess.two_sample(self.harm, ratios, terms.limit, events, (w, v))
        health = eprocess.two_sample(self.health, HEALTH_RATIOS, terms.tolerable, events, (w, v))
        return counted.with_bets(harm, health)

    def with_past(self, candidate: tuple[int, int], expected: float, terms: Terms) -> "RateEvidence":
        """One more window with nobody beside the candidate: what it was to be expected to do is all there is."""
        (n, x), limit = candidate, terms.limit or 1.0
        counted = replace(
            self,
            candidate=self.candidate + n,
            candidate_events=self.candidate_events + x,
            expected=self.expected + expected,
        )
        events, usual = x / terms.phi, expected / terms.phi
        ratios = tuple([limit * each for each in HARM_RATIOS])
        harm = eprocess.beside_past(self.harm, ratios, limit, events, usual)
        return counted.with_bets(harm, eprocess.beside_past(self.health, HEALTH_RATIOS, terms.tolerable, events, usual))

    def with_bets(self, harm: Logs, health: Logs) -> "RateEvidence":
        return replace(self, harm=harm, health=health, peak=max(self.peak, eprocess.log_mean(harm)))

    def struck(self, *, over: bool) -> "RateEvidence":
        """One more window in a row over the limit, or none."""
        return replace(self, strikes=self.strikes + 1 if over else 0)

    @property
    def log_harm(self) -> float:
        return eprocess.log_mean(self.harm)

    @property
    def log_health(self) -> float:
        return eprocess.log_mean(self.health)

    def to_json(self) -> Json:
        later = {name: getattr(self, name) for name in ("expected", "strikes") if getattr(self, name)}
        return {**{name: _plain(getattr(self, name)) for name in self.__slots__ if name not in _LATER}, **later}

    @staticmethod
    def from_json(raw: Json) -> "RateEvidence":
        return RateEvidence(
            int(raw["candidate"]),
            int(raw["candidate_events"]),
            int(raw["control"]),
            int(raw["control_events"]),
            float(raw["even_candidate"]),
            float(raw["even_control"]),
            float(raw["even_weight"]),
            _logs(raw["harm"], HARM_RATIOS),
            _logs(raw["health"], HEALTH_RATIOS),
            float(raw["peak"]),
            float(raw.get("expected", 0.0)),
            int(raw.get("strikes", 0)),
        )


@dataclass(frozen=True, slots=True)
class LatencyEvidence:
    """How many requests were slower than `threshold`, which is frozen once from the control arm and never moves.

    `calibration` gathers the control's histogram until then; evidence counts from the window after the freezing one.
    Of a cohort with an `own_limit` it is frozen from the past of all, and may be passed so many times as often as then.
    """

    threshold: float | None = None
    usual: float | None = None
    calibration: Buckets = ()
    slow: RateEvidence = field(default_factory=RateEvidence)
    harm: Logs = NO_SLOWDOWN
    health: Logs = NO_SPEEDUP
    peak: float = 0.0
    own_limit: float | None = None

    def with_cohort(self, past: SlowPast, window: SlowWindow, gate: LatencyGate) -> "LatencyEvidence":
        """One more window of tenants that are slow each in its own way."""
        limit = max(LEAST_APART, (1.0 - gate.quantile) / past.share)
        slow = self.slow.with_window(window.candidate, window.control, Terms(limit, limit), window.expected)
        (usual, beside), (slow_now, slow_beside) = window.expected, (window.candidate[1], window.control[1])
        slow = slow.struck(over=slow_now * beside > limit * slow_beside * usual)
        return replace(
            self, threshold=past.limit, usual=past.usual, slow=slow, own_limit=limit, peak=max(self.peak, slow.log_harm)
        )

    def with_window(self, candidate: Counts, control: Counts | None, gate: LatencyGate) -> "LatencyEvidence":
        """One more window; raises ThresholdOutsideBuckets when the histogram cannot show the limit."""
        if self.threshold is None:
            return self._calibrated(control, gate)
        seen = slower_than(self.threshold, candidate.buckets)
        if not seen[0]:
            return self
        beside = slower_than(self.threshold, control.buckets if control is not None else ())
        share = 1.0 - gate.quantile
        harm = eprocess.exceedance(self.harm, SLOWDOWNS, share, seen[1], seen[0])
        health = eprocess.exceedance(self.health, SPEEDUPS, share, seen[1], seen[0])
        slow = self.slow.with_window(seen, beside, Terms(1.0, gate.max_tolerable_ratio))
        slow = slow.struck(over=seen[1] > share * seen[0])
        after = replace(self, slow=slow, harm=harm, health=health)
        return replace(after, peak=max(self.peak, after.log_harm))

    def _calibrated(self, control: Counts | None, gate: LatencyGate) -> "LatencyEvidence":
        calibration = added(self.calibration, control.buckets if control is not None else ())
        found = frozen_threshold(calibration, gate)
        if found is None:
            return replace(self, calibration=calibration)
        return replace(self, threshold=found[0], usual=found[1], calibration=())

    @property
    def log_harm(self) -> float:
        """Both bets must win: slower than the frozen limit, and slower than the control beside it.

        Tenants are slow in their own way, so of them only the second is a bet.
        """
        if self.own_limit is not None:
            return self.slow.log_harm
        return min(eprocess.log_mean(self.harm), self.slow.log_harm)

    @property
    def log_health(self) -> float:
        """Either reason acquits; the mean of two e-processes is one."""
        if self.own_limit is not None:
            return self.slow.log_health
        return eprocess.log_mean((eprocess.log_mean(self.health), self.slow.log_health))

    def to_json(self) -> Json:
        return {
            "threshold": self.threshold,
            "usual": self.usual,
            "calibration": buckets_to_json(self.calibration),
            "slow": self.slow.to_json(),
            "harm": list(self.harm),
            "health": list(self.health),
            "peak": self.peak,
            **({"own_limit": self.own_limit} if self.own_limit is not None else {}),
        }

    @staticmethod
    def from_json(raw: Json) -> "LatencyEvidence":
        return LatencyEvidence(
            None if raw["threshold"] is None else float(raw["threshold"]),
            None if raw["usual"] is None else float(raw["usual"]),
            buckets_from_json(raw["calibration"]),
            RateEvidence.from_json(raw["slow"]),
            _logs(raw["harm"], SLOWDOWNS),
            _logs(raw["health"], SPEEDUPS),
            float(raw["peak"]),
            raw.get("own_limit"),
        )


def _plain(value: object) -> Json:
    return list(value) if isinstance(value, tuple) else value


def _logs(raw: Json, grid: tuple[float, ...]) -> Logs:
    logs = tuple(float(each) for each in raw)
    if len(logs) != len(grid):
        raise ValueError("evidence of another grid")
    return logs
