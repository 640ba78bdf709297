"""Before anybody sees a candidate, what is stable has a past: how often it erred, and how unevenly."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from domain.canonical import Json
from domain.errors import Conflict, Refusal
from domain.gates.cohorts import CohortReading
from domain.gates.latency import added, frozen_threshold, slower_than
from domain.gates.readings import Buckets, Counts, Reading
from domain.gates.spec import GateSpec, LatencyGate
from domain.gates.windows import grown

STEP = timedelta(minutes=15)
WINDOWS = 96
"""A day: people come and go by the hour of the day."""
FINE_STEP = timedelta(minutes=1)
FINE_WINDOWS = 60
"""The last hour, for a source that has not counted for long."""
LEAST_WINDOWS = 60
"""Fewer windows say nothing about how errors cluster."""
MOST_PHI = 20.0
UNHEALTHY_RATE = 0.2
UNHEALTHY_WINDOWS = 10
LEAST_PAST = 100
"""Fewer requests than this are no past to compare with."""
HALF = 0.5
"""Added to the errors of each tenant, so that none has a rate of nothing."""


class BaselineUnhealthy(Conflict):
    """What is stable fails a fifth of its requests, so being no worse means nothing; hold it to a rate of its own."""

    kind = "baseline-unhealthy"


class BaselineHealthy(Conflict):
    """What is stable is healthy; nothing has to be fixed forward."""

    kind = "baseline-healthy"


Past = tuple[int, int]
"""(requests, errors) in the windows before the rollout."""


@dataclass(frozen=True, slots=True)
class SlowPast:
    """How many of each tenant's requests were slower than `limit` seconds; `usual` is the quantile of all of them."""

    limit: float
    usual: float
    tenants: dict[str, Past]

    @property
    def share(self) -> float:
        """Of all requests, with half a slow one more."""
        return (sum(slow for _, slow in self.tenants.values()) + HALF) / (sum(n for n, _ in self.tenants.values()) + 1)

    def rate_of(self, tenant: str) -> float:
        """The tenant's own share, drawn towards that of all by half a slow request."""
        requests, slow = self.tenants.get(tenant, (0, 0))
        return (slow + HALF) / (requests + HALF / self.share)

    def to_json(self) -> Json:
        tenants = {tenant: list(past) for tenant, past in sorted(self.tenants.items())}
        return {"limit": self.limit, "usual": self.usual, "tenants": tenants}

    @staticmethod
    def from_json(raw: Json) -> "SlowPast":
        return SlowPast(float(raw["limit"]), float(raw["usual"]), _pasts(raw["tenants"]))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was served and how much of it failed in `windows` windows before the rollout.

    `phi` is the variance of the errors of a window over their mean: 1 where they come one by one, more where they come
    in bursts. It begins where something was first served. `tenants` holds the past of each tenant of a cohort;
    `unhealthy`: a fifth failed for ten minutes.
    """

    windows: int = 0
    requests: int = 0
    errors: int = 0
    phi: float = 1.0
    unhealthy: bool = False
    tenants: dict[str, Past] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    slow: dict[str, SlowPast] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """None where there is too little past."""
        return (self.errors + HALF) / (self.requests + HALF) if self.requests >= LEAST_PAST else None

    def rate_of(self, tenant: str) -> float:
        """The tenant's own rate, drawn towards that of all by half an error."""
        pool = (self.errors + HALF) / (self.requests + 1)
        requests, errors = self.tenants.get(tenant, (0, 0))
        return (errors + HALF) / (requests + HALF / pool)

    def expected(self, served: dict[str, Counts]) -> float:
        """The errors among what was served, had every tenant erred as before."""
        return sum(counts.requests * self.rate_of(tenant) for tenant, counts in sorted(served.items()))

    def to_json(self) -> Json:
        return {
            "windows": self.windows,
            "requests": self.requests,
            "errors": self.errors,
            "phi": self.phi,
            "unhealthy": self.unhealthy,
            "tenants": {tenant: list(past) for tenant, past in sorted(self.tenants.items())},
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            **({"slow": {name: past.to_json() for name, past in sorted(self.slow.items())}} if self.slow else {}),
        }

    @staticmethod
    def from_json(raw: Json) -> "Baseline | None":
        if raw is None:
            return None
        since, until = (raw[name] and datetime.fromisoformat(raw[name]) for name in ("since", "until"))
        slow = {name: SlowPast.from_json(each) for name, each in raw.get("slow", {}).items()}
        windows, requests, errors = (int(raw[name]) for name in ("windows", "requests", "errors"))
        phi, unhealthy = float(raw["phi"]), bool(raw["unhealthy"])
        return Baseline(windows, requests, errors, phi, unhealthy, _pasts(raw["tenants"]), since, until, slow)


def baseline_of(coarse: Sequence[Reading], fine: Sequence[Reading] = ()) -> Baseline:
    """The past of the control: `coarse` over a day, `fine` over the last hour."""
    day, hour = _windows([each.control for each in coarse]), _windows([each.control for each in fine])
    seen = day if len(day) >= LEAST_WINDOWS or not hour else hour
    requests, errors = sum(n for n, _ in seen), sum(x for _, x in seen)
    ends = coarse if seen is day else fine
    served = [each.control for each in ends]
    rate = errors / requests if requests else 0.0
    phi = _phi([(x, n * rate) for n, x in seen])
    return Baseline(len(seen), requests, errors, phi, _unhealthy(hour), {}, *_ends(ends, served))


def cohort_baseline_of(
    coarse: Sequence[CohortReading],
    fine: Sequence[CohortReading] = (),
    latencies: Sequence[tuple[str, LatencyGate]] = (),
) -> Baseline:
    """The past of each tenant, how unevenly the errors of all came, and for each latency gate who was slow."""
    readings = coarse if _measured(coarse) or not fine else fine
    slugs = sorted({slug for reading in readings for slug in reading.tenants})
    grown_ = {slug: _each([reading.tenants.get(slug) for reading in readings]) for slug in slugs}
    past = {
        slug: (sum(n for n, _ in filter(None, windows)), sum(x for _, x in filter(None, windows)))
        for slug, windows in grown_.items()
    }
    requests, errors = sum(n for n, _ in past.values()), sum(x for _, x in past.values())
    known = Baseline(0, requests, errors, tenants=past)
    together: list[tuple[float, float]] = []
    for windows in zip(*grown_.values(), strict=True):
        seen = [(slug, window) for slug, window in zip(grown_, windows, strict=True) if window and window[0]]
        if seen:
            together.append((sum(x for _, (_, x) in seen), sum(n * known.rate_of(slug) for slug, (n, _) in seen)))
    hour = _windows([_pooled(reading) for reading in fine])
    phi = _phi(together)
    histograms = {slug: _histogram([reading.tenants.get(slug) for reading in readings]) for slug in slugs}
    slow = {name: found for name, gate in latencies if (found := _slow_past(histograms, gate)) is not None}
    ends = _ends(readings, [_pooled(reading) for reading in readings])
    return Baseline(len(together), requests, errors, phi, _unhealthy(hour), past, *ends, slow=slow)


def check_fix_forward(spec: GateSpec, baseline: Baseline) -> None:
    """A rate of its own is for what replaces something broken, and only for that.

    Raises BaselineUnhealthy where it is broken and the spec does not say so, BaselineHealthy where it is not.
    """
    if baseline.unhealthy and spec.fix_forward is None:
        raise BaselineUnhealthy(rate=baseline.rate)
    if spec.fix_forward is not None and not baseline.unhealthy:
        raise BaselineHealthy(rate=baseline.rate)


def _slow_past(histograms: dict[str, Buckets], gate: LatencyGate) -> SlowPast | None:
    """The limit that all of them together give; None where they have too few requests, or it cannot be counted."""
    pooled: Buckets = ()
    for histogram in histograms.values():
        pooled = added(pooled, histogram)
    try:
        frozen = frozen_threshold(pooled, gate)
        if frozen is None:
            return None
        return SlowPast(*frozen, {slug: slower_than(frozen[0], each) for slug, each in histograms.items()})
    except Refusal:
        return None


def _histogram(counts: Sequence[Counts | None]) -> Buckets:
    total: Buckets = ()
    for earlier, later in pairwise(counts):
        window = grown(earlier, later) if earlier is not None and later is not None else None
        if isinstance(window, Counts):
            total = added(total, window.buckets)
    return total


def _pasts(raw: Json) -> dict[str, Past]:
    return {tenant: (int(past[0]), int(past[1])) for tenant, past in raw.items()}


def _phi(windows: list[tuple[float, float]]) -> float:
    """Pearson's statistic of (errors, expected errors) over its degrees of freedom, between 1 and the cap."""
    counted = [(errors, expected) for errors, expected in windows if expected > 0]
    if len(counted) < LEAST_WINDOWS:
        return 1.0
    spread = sum((errors - expected) ** 2 / expected for errors, expected in counted)
    return min(max(spread / (len(counted) - 1), 1.0), MOST_PHI)


def _unhealthy(fine: list[Past]) -> bool:
    last = fine[-UNHEALTHY_WINDOWS:]
    return len(last) == UNHEALTHY_WINDOWS and all(x >= UNHEALTHY_RATE * n for n, x in last)


def _windows(counts: Sequence[Counts | None]) -> list[Past]:
    """Those in which anything was served; where a counter went backwards there is no window."""
    return [window for window in _each(counts) if window and window[0]]


def _each(counts: Sequence[Counts | None]) -> list[Past | None]:
    return [_window(earlier, later) for earlier, later in pairwise(counts)]


def _window(earlier: Counts | None, later: Counts | None) -> Past | None:
    """None, too, where the earlier has no series: what was counted before it is in the later one."""
    if earlier is None or later is None:
        return None
    window = grown(earlier, later)
    return (window.requests, window.errors) if isinstance(window, Counts) else None


def _measured(readings: Sequence[CohortReading]) -> bool:
    return len(_windows([_pooled(reading) for reading in readings])) >= LEAST_WINDOWS


def _pooled(reading: CohortReading) -> Counts | None:
    counts = list(reading.tenants.values())
    return Counts(sum(c.requests for c in counts), sum(c.errors for c in counts)) if counts else None


def _ends(
    readings: Sequence[Reading | CohortReading], served: Sequence[Counts | None]
) -> tuple[datetime | None, datetime | None]:
    """From where something was first served to the end; (None, None) where nothing was."""
    first = next((index for index, window in enumerate(_each(served)) if window and window[0]), None)
    return (None, None) if first is None else (readings[first].at, readings[-1].at)
