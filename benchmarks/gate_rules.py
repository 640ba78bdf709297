"""Rules that take a version back: at which of sixty looks each did so, in every run; 0 where it never did."""

import math
from collections.abc import Callable, Iterable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_traffic import Errors, Hours
from domain.gates import GateSpec, GateState, Judgement, Observation, StageClock, Verdict, judge

Looks = NDArray[np.int64]
Rule = Callable[[Hours], Looks]

LIMIT = 1.05
STRIKES = 3
FIRST, EVERY = 10, 5
"""The Mann-Whitney judge looks at its tenth minute, and every five minutes from then on."""
NEVER_RIPE = StageClock(0, 0, 1)


def literal(hours: Hours) -> Looks:
    """The rate since the beginning is over 1.05 times the other."""
    candidate, control = _rates(hours.candidate.cumsum(1), hours.control.cumsum(1), hours)
    return first(candidate > LIMIT * control)


def in_a_row(hours: Hours) -> Looks:
    """The rate of the last minute is over 1.05 times the other, three minutes in a row."""
    n, m = hours.requests
    over = hours.candidate / n > LIMIT * hours.control / m
    struck = over.copy()
    for back in range(1, STRIKES):
        struck[:, back:] &= over[:, :-back]
        struck[:, :back] = False
    return first(struck)


def peeked(hours: Hours) -> Looks:
    """A z test of two proportions at 5 %, one-sided, looked at every minute."""
    return first(_z(hours) > NormalDist().inv_cdf(0.95))


def at_the_end(hours: Hours) -> Looks:
    """The same z test, looked at once."""
    above = _z(hours) > NormalDist().inv_cdf(0.95)
    above[:, :-1] = False
    return first(above)


def mann_whitney(hours: Hours) -> Looks:
    """The minutes so far by their ranks, at 98 % two-sided, and the mean over 1.05 times the other."""
    n, m = hours.requests
    candidate, control = hours.candidate * m, hours.control * n  # of equal scale, and whole: ties stay ties
    failed = np.zeros(candidate.shape, dtype=bool)
    for minutes in range(FIRST, candidate.shape[1] + 1, EVERY):
        a, b = candidate[:, :minutes], control[:, :minutes]
        failed[:, minutes - 1] = (_rank_z(a, b) > NormalDist().inv_cdf(0.99)) & (a.sum(1) > LIMIT * b.sum(1))
    return first(failed)


def gate(hours: Hours) -> Looks:
    """Our gate as it is, by itself: it fails, or waits."""
    return np.array([failed_at(judged(hours.readings(run))) for run in range(len(hours.candidate))])


def judged(
    readings: Iterable[Observation],
    spec: GateSpec | None = None,
    state: GateState | None = None,
    clock: StageClock = NEVER_RIPE,
) -> Iterable[Judgement]:
    known, now = spec or GateSpec(), state or GateState()
    for reading in readings:
        outcome = judge(known, now, reading, clock)
        now = outcome.state
        yield outcome


def failed_at(judgements: Iterable[Judgement]) -> int:
    """The check that fails the candidate; the reading before the first window is check 0."""
    return next((check for check, each in enumerate(judgements) if each.verdict is Verdict.FAIL), 0)


def first(failed: NDArray[np.bool_]) -> Looks:
    return np.where(failed.any(1), failed.argmax(1) + 1, 0)


def _rates(candidate: Errors, control: Errors, hours: Hours) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    minutes = np.arange(1, candidate.shape[1] + 1)
    return candidate / (hours.requests[0] * minutes), control / (hours.requests[1] * minutes)


def _z(hours: Hours) -> NDArray[np.float64]:
    candidate, control = _rates(hours.candidate.cumsum(1), hours.control.cumsum(1), hours)
    n, m = (requests * np.arange(1, candidate.shape[1] + 1) for requests in hours.requests)
    pool = (candidate * n + control * m) / (n + m)
    error = np.sqrt(pool * (1 - pool) * (1 / n + 1 / m))
    z: NDArray[np.float64] = np.divide(candidate - control, error, out=np.zeros_like(error), where=error > 0)
    return z


def _rank_z(a: Errors, b: Errors) -> NDArray[np.float64]:
    """Mann-Whitney's U in standard deviations, corrected for ties and for being a whole number."""
    n, m = a.shape[1], b.shape[1]
    above = (a[:, :, None] > b[:, None, :]).sum((1, 2)) + 0.5 * (a[:, :, None] == b[:, None, :]).sum((1, 2))
    both = np.concatenate([a, b], axis=1)
    tied = (both[:, :, None] == both[:, None, :]).sum(2)
    correction = (tied**2 - 1).sum(1) / ((n + m) * (n + m - 1))
    deviation = np.sqrt(n * m / 12 * np.maximum((n + m + 1) - correction, 0))
    shift = above - n * m / 2 - 0.5
    z: NDArray[np.float64] = np.divide(shift, deviation, out=np.full(len(a), -math.inf), where=deviation > 0)
    return z
