"""A latency limit is a bucket boundary, frozen from the control arm, that the candidate's quantile may not pass."""

import math

from domain.errors import Refusal
from domain.gates.readings import Buckets
from domain.gates.spec import LatencyGate

ENOUGH_TO_FREEZE = 200
"""Control requests before the limit is frozen; fewer leave a 95th percentile to a handful of requests."""


class ThresholdOutsideBuckets(Refusal):
    """The latency limit lies beyond the last finite bucket of the histogram."""

    kind = "gate-threshold-outside-buckets"


class BucketsChanged(Refusal):
    """The histogram no longer has the bucket at which the latency limit was frozen."""

    kind = "latency-buckets-changed"


def added(histogram: Buckets, window: Buckets) -> Buckets:
    """Both together; a window with other buckets starts the histogram again."""
    if not window or [bound for bound, _ in histogram] != [bound for bound, _ in window]:
        return window or histogram
    return tuple((bound, low + more) for (bound, low), (_, more) in zip(histogram, window, strict=True))


def quantile_of(histogram: Buckets, quantile: float) -> float:
    """Seconds below which the share `quantile` lies, linear inside a bucket; infinity beyond the last finite bound."""
    rank = quantile * histogram[-1][1]
    below, height = 0.0, 0
    for bound, reached in histogram:
        if reached >= rank and reached > height:
            return bound if math.isinf(bound) else below + (bound - below) * (rank - height) / (reached - height)
        below, height = bound, reached
    return math.inf


def frozen_threshold(histogram: Buckets, gate: LatencyGate) -> tuple[float, float] | None:
    """(limit, the control's quantile) in seconds, or None while the control has too few requests.

    The limit is the next bucket boundary at or above ratio * quantile, and `min_abs_effect_s` above the quantile.
    """
    if not histogram or histogram[-1][1] < ENOUGH_TO_FREEZE:
        return None
    usual = quantile_of(histogram, gate.quantile)
    least = max(gate.ratio * usual, usual + gate.min_abs_effect_s)
    limit = next(bound for bound, _ in histogram if bound >= least)
    if math.isinf(limit):
        raise ThresholdOutsideBuckets
    return limit, usual


def slower_than(limit: float, buckets: Buckets) -> tuple[int, int]:
    """(requests, those slower than `limit`); (0, 0) without a histogram; raises BucketsChanged."""
    if not buckets:
        return 0, 0
    total = buckets[-1][1]
    for bound, reached in buckets:
        if bound == limit:
            return total, total - reached
    raise BucketsChanged
