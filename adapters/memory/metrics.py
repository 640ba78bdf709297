"""A metric source whose world is written down beforehand: rates as functions of time, outages, silences, resets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.metrics import edges
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import CohortQuery, CohortReading, Counts, MetricQuery, Observation, ProviderError, Reading

OverTime = Callable[[float], float]
"""A value at so many seconds after the source's start."""


def constant(value: float) -> OverTime:
    return lambda _: value


NEVER = constant(0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one variant does: requests per second, the share that fails, and the seconds below which all answers lie.

    All answers of a second fall into one bucket of `bounds`, enough to tell fast from slow.
    """

    per_second: OverTime
    error_rate: OverTime = NEVER
    latency: OverTime | None = None
    bounds: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0, 2.5)


_Sum = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Trouble:
    since: datetime
    until: datetime
    reason: str
    variant: str | None = None


class ScriptedSource:
    """Deterministic counters, integrated second by second from `start`; explicit answers come first.

    Its instants are its own: `skew` is how far the provider's clock stands from the asking one.
    """

    def __init__(
        self, start: datetime, traffic: Mapping[str, Traffic] | None = None, skew: timedelta = timedelta(0)
    ) -> None:
        self._start, self._traffic, self._skew = start, dict(traffic or {}), skew
        self._troubles: list[_Trouble] = []
        self._resets: list[tuple[str, datetime]] = []
        self._forgetful = False
        self._falls: list[tuple[datetime, datetime]] = []
        self._answers: list[Observation] = []
        self._sums: dict[str, list[_Sum]] = {}
        self._faults: tuple[Fault, ...] = ()
        self.asked: list[datetime] = []

    def drive(self, variant: str, traffic: Traffic) -> None:
        """From now on, and in hindsight, `variant` (or the tenant of this slug) behaves like this.

        `key/variant` is what is counted under a key of its own.
        """
        self._traffic[variant] = traffic
        self._sums.pop(variant, None)

    def answer(self, *observations: Observation) -> None:
        """The next reads return exactly these, one each."""
        self._answers.extend(observations)

    def outage(self, since: datetime, until: datetime, reason: str = "unreachable") -> None:
        self._troubles.append(_Trouble(since, until, reason))

    def silence(self, variant: str, since: datetime, until: datetime) -> None:
        """No series, or NaN, for one variant: a reading without that arm."""
        self._troubles.append(_Trouble(since, until, "silence", variant))

    def forget(self, *, everything: bool = True) -> None:
        """Nothing is said of the past from now on, or again."""
        self._forgetful = everything

    def fall(self, since: datetime, until: datetime) -> None:
        """A probe from outside finds the candidate down then, and up at all other times."""
        self._falls.append((since, until))

    def reset(self, variant: str, at: datetime) -> None:
        """The variant's process restarts: its counters begin again at zero."""
        self._resets.append((variant, at))

    def refuse(self, *faults: Fault) -> None:
        """The next probes find these faults."""
        self._faults = faults

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        """The scripted counters at `at`; a ProviderError during an outage."""
        self.asked.append(at)
        if self._answers:
            return self._answers.pop(0)
        reason = self._down(at)
        if reason is not None:
            return ProviderError(reason)
        return self._reading(query, at)

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        self.asked.append(at)
        reason = self._down(at)
        return ProviderError(reason) if reason is not None else self._cohort(query, at)

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        at = edges(until, step, windows)
        return ProviderError("forgotten") if self._forgetful else [self._reading(query, each) for each in at]

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        at = edges(until, step, windows)
        return ProviderError("forgotten") if self._forgetful else [self._cohort(query, each) for each in at]

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Raises Invalid with the faults given to `refuse`, or Unavailable when the start lies in an outage."""
        del query
        if self._faults:
            raise Invalid(self._faults)
        reason = self._down(self._start)
        if reason is not None:
            raise Unavailable(reason=reason)

    def _reading(self, query: MetricQuery, at: datetime) -> Reading:
        arms = [self._counts(self._named(query.flag, variant), at) for variant in (query.candidate, query.control)]
        return Reading(at + self._skew, *arms, synthetic=self._synthetic(at))

    def _named(self, key: str, variant: str) -> str:
        own = f"{key}/{variant}"
        return own if own in self._traffic else variant

    def _cohort(self, query: CohortQuery, at: datetime) -> CohortReading:
        counted = {slug: self._counts(slug, at) for slug, _ in query.tenants}
        tenants = {slug: counts for slug, counts in counted.items() if counts is not None}
        return CohortReading(at + self._skew, tenants, synthetic=self._synthetic(at))

    def _synthetic(self, at: datetime) -> bool | None:
        return not any(since <= at < until for since, until in self._falls) if self._falls else None

    def _down(self, at: datetime) -> str | None:
        return next((t.reason for t in self._troubles if t.variant is None and t.since <= at < t.until), None)

    def _counts(self, variant: str, at: datetime) -> Counts | None:
        silent = any(t.variant == variant and t.since <= at < t.until for t in self._troubles)
        traffic = self._traffic.get(variant)
        if silent or traffic is None:
            return None
        born = max([self._start, *(when for name, when in self._resets if name == variant and when <= at)])
        before, after = (self._sum(variant, traffic, instant) for instant in (born, at))
        requests, errors, *heights = (_whole(late - early) for early, late in zip(before, after, strict=True))
        return Counts(requests, errors, tuple(zip((*traffic.bounds, math.inf), heights, strict=False)))

    def _sum(self, variant: str, traffic: Traffic, at: datetime) -> _Sum:
        """Since the start: requests, errors, and requests at or below each bound."""
        width = 0 if traffic.latency is None else len(traffic.bounds) + 1
        sums = self._sums.setdefault(variant, [(0.0,) * (2 + width)])
        second = max(0, int((at - self._start).total_seconds()))
        while len(sums) <= second:
            sums.append(_later(sums[-1], traffic, len(sums) - 1))
        return sums[second]


def _whole(count: float) -> int:
    """Whole requests; the tiny addend keeps 0.1 ten times from being nothing."""
    return math.floor(count + 1e-6)


def _later(sums: _Sum, traffic: Traffic, second: int) -> _Sum:
    served = traffic.per_second(second)
    grown = [served, served * traffic.error_rate(second)]
    if traffic.latency is not None:
        seconds = traffic.latency(second)
        grown += [served if seconds <= bound else 0.0 for bound in (*traffic.bounds, math.inf)]
    return tuple(total + more for total, more in zip(sums, grown, strict=True))
