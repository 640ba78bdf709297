"""A window of a cohort adds up what its tenants did, each against its own past and none while it changed sides."""

from collections.abc import Collection
from dataclasses import replace

from domain.gates.baseline import Baseline, SlowPast
from domain.gates.cohorts import CohortReading
from domain.gates.latency import BucketsChanged, added, slower_than
from domain.gates.readings import Counts
from domain.gates.windows import Gap, SlowWindow, Window, grown

NOBODY = Counts(0, 0)


def between_cohorts(
    earlier: CohortReading | None,
    later: CohortReading,
    sides: tuple[Collection[str], Collection[str]],
    baseline: Baseline,
) -> Window | Gap:
    """`sides` are the tenants that had the candidate at the earlier reading, and at the later one.

    Whoever came to it in between counts from the later reading on.
    """
    before, now = sides
    if earlier is not None and later.at <= earlier.at:
        return Gap.READING_NOT_NEWER
    if not any(slug in now for slug in later.tenants):
        return Gap.NO_CANDIDATE_SERIES
    if earlier is None:
        return Gap.FIRST_READING
    stayed = [slug for slug in later.tenants if slug in earlier.tenants and (slug in before) == (slug in now)]
    windows = {slug: grown(earlier.tenants[slug], later.tenants[slug]) for slug in sorted(stayed)}
    if Gap.ERRORS_EXCEED_REQUESTS in windows.values():
        return Gap.ERRORS_EXCEED_REQUESTS
    counted = {slug: window for slug, window in windows.items() if isinstance(window, Counts)}
    candidate = {slug: counts for slug, counts in counted.items() if slug in now}
    control = {slug: counts for slug, counts in counted.items() if slug not in now}
    resets = len(windows) - len(counted)
    if not candidate:
        return Gap.COUNTER_RESET if resets else Gap.FIRST_READING
    window = Window(earlier.at, later.at, _sum(candidate), _sum(control) if control else None)
    expected = (baseline.expected(candidate), baseline.expected(control))
    slow = {
        name: found for name, past in baseline.slow.items() if (found := _slow(past, candidate, control)) is not None
    }
    return replace(window, expected=expected, resets=resets, slow=slow)


def _slow(past: SlowPast, candidate: dict[str, Counts], control: dict[str, Counts]) -> SlowWindow | None:
    """None where the histograms of now do not show the limit of then."""
    try:
        seen = [
            [(slug, slower_than(past.limit, counts.buckets)) for slug, counts in side.items()]
            for side in (candidate, control)
        ]
    except BucketsChanged:
        return None
    arms = [(sum(n for _, (n, _) in side), sum(slow for _, (_, slow) in side)) for side in seen]
    usual = [sum(n * past.rate_of(slug) for slug, (n, _) in side) for side in seen]
    return SlowWindow(arms[0], arms[1], (usual[0], usual[1]))


def _sum(tenants: dict[str, Counts]) -> Counts:
    total = NOBODY
    for counts in tenants.values():
        buckets = added(total.buckets, counts.buckets)
        total = Counts(total.requests + counts.requests, total.errors + counts.errors, buckets)
    return total
