"""Latency of two versions, request by request, beside rules that compare the quantiles of one minute."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_rules import failed_at, judged
from benchmarks.gate_traffic import CHECKS, at
from domain.gates import Buckets, Counts, GateSpec, Judgement, LatencyGate, Reading, Verdict

REQUESTS = (100, 900)
BOUNDS = np.array([0.001 * 1.25**step for step in range(45)])
SPEC = GateSpec(latency=LatencyGate())
Samples = NDArray[np.float64]


def latencies(draw: np.random.Generator, factor: float) -> tuple[Samples, Samples]:
    """An hour of (candidate, control), log-normal around 50 ms, by minute and request."""
    candidate, control = (draw.lognormal(math.log(0.05), 1.0, (CHECKS, requests)) for requests in REQUESTS)
    return factor * candidate, control


def quantile_look(arms: tuple[Samples, Samples], quantile: float) -> int:
    """The first minute whose own quantile is over twice the other, 0 where there is none."""
    candidate, control = (np.quantile(arm, quantile, axis=1) for arm in arms)
    over = candidate > 2 * control
    return int(over.argmax()) + 1 if over.any() else 0


def gate_look(arms: tuple[Samples, Samples]) -> int:
    """Our gate's; the errors, of which there are none, decide nothing."""
    return failed_at(_of_latency(arms))


def _of_latency(arms: tuple[Samples, Samples]) -> Iterator[Judgement]:
    for outcome in judged(_readings(arms), SPEC):
        yield outcome
        if outcome.verdict is Verdict.FAIL:
            return


def _readings(arms: tuple[Samples, Samples]) -> Iterator[Reading]:
    heights = [np.array([np.searchsorted(np.sort(minute), BOUNDS, side="right") for minute in arm]) for arm in arms]
    totals = [np.concatenate([np.zeros((1, len(BOUNDS)), dtype=int), arm.cumsum(0)]) for arm in heights]
    for minute in range(CHECKS + 1):
        counted = [_counts(arm[minute], requests * minute) for arm, requests in zip(totals, REQUESTS, strict=True)]
        yield Reading(at(minute), *counted)


def _counts(below: NDArray[np.int64], requests: int) -> Counts:
    finite = [(float(bound), int(height)) for bound, height in zip(BOUNDS, below, strict=True)]
    buckets: Buckets = (*finite, (math.inf, requests))
    return Counts(requests, 0, buckets)
