"""Seeded traffic of two versions, a minute at a time; every rule is shown the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from domain.gates import CohortReading, Counts, Reading

START = datetime(2026, 1, 1, tzinfo=UTC)
CHECKS = 60
Errors = NDArray[np.int64]
Arms = tuple[int, int]


@dataclass(frozen=True)
class Hours:
    """An hour of two versions, many times over: requests a minute of each, and the errors by run and minute."""

    requests: Arms
    candidate: Errors
    control: Errors

    def readings(self, run: int) -> Iterator[Reading]:
        """Counters as a source would tell them, the first before anything was served."""
        totals = [(0, 0), *zip(self.candidate[run].cumsum(), self.control[run].cumsum(), strict=True)]
        for minute, (candidate, control) in enumerate(totals):
            n, m = self.requests
            yield Reading(at(minute), Counts(n * minute, int(candidate)), Counts(m * minute, int(control)))


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def steady(draw: np.random.Generator, runs: int, requests: Arms, rate: float, ratio: float) -> Hours:
    """Errors one by one, `ratio` times as many in the candidate."""
    size = (runs, CHECKS)
    control = draw.binomial(requests[1], rate, size)
    return Hours(requests, draw.binomial(requests[0], rate * ratio, size), control)


def bursts(draw: np.random.Generator, size: tuple[int, int], mean: float, phi: float, most: int) -> Errors:
    """Errors of which a minute has `phi` times the variance that chance alone makes: a negative binomial."""
    means = np.full(size, mean) if phi == 1.0 else draw.gamma(mean / (phi - 1), phi - 1, size)
    return np.minimum(draw.poisson(means), most)


class Tenants:
    """Twenty tenants unlike each other in traffic and in errors, of which two get the candidate.

    Their rates differ by a log-normal factor of standard deviation `spread`; each drifts by one of `drift` between its
    day before the rollout and the rollout.
    """

    canary = ("t00", "t01")

    def __init__(self, draw: np.random.Generator, spread: float, drift: float) -> None:
        self._draw = draw
        volumes = draw.lognormal(0, 1, 20)
        self._volumes = 6000 * volumes / volumes.sum()
        self._rates = np.minimum(0.01 * draw.lognormal(0, spread, 20), 0.5)
        self._drifted = self._rates * draw.lognormal(0, drift, 20)
        self._totals = np.zeros((20, 2), dtype=np.int64)

    def past(self) -> Sequence[CohortReading]:
        """A day in quarters of an hour."""
        return [self._reading(15, 15 * (quarter - 97), self._rates) for quarter in range(97)]

    def readings(self, ratio: float) -> Iterator[CohortReading]:
        factor = np.array([ratio] * len(self.canary) + [1.0] * (20 - len(self.canary)))
        for minute in range(CHECKS + 1):
            yield self._reading(1, minute, self._drifted * factor)

    def _reading(self, minutes: float, minute: float, rates: NDArray[np.float64]) -> CohortReading:
        served = self._draw.poisson(self._volumes * minutes)
        self._totals[:, 0] += served
        self._totals[:, 1] += self._draw.binomial(served, np.minimum(rates, 1.0))
        counted = {f"t{place:02}": Counts(int(n), int(x)) for place, (n, x) in enumerate(self._totals)}
        return CohortReading(at(minute), counted)


def pooled(reading: CohortReading) -> Reading:
    """The same as two versions, whoever the tenants are."""
    sides = [
        [counts for slug, counts in reading.tenants.items() if (slug in Tenants.canary) is chosen]
        for chosen in (True, False)
    ]
    arms = (Counts(sum(each.requests for each in side), sum(each.errors for each in side)) for side in sides)
    return Reading(reading.at, *arms)
