"""A window is the difference of two readings, so windows never overlap and together cover all the time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from domain.gates.readings import Counts, Reading


class Gap(StrEnum):
    """Why two readings make no window; the value goes into the evidence.

    Only FIRST_READING and COUNTER_RESET move the origin; after the others the next window reaches further back.
    """

    FIRST_READING = "first_reading"
    COUNTER_RESET = "counter_reset"
    NO_CANDIDATE_SERIES = "no_candidate_series"
    NO_CANDIDATE_REQUESTS = "no_candidate_requests"
    NO_CONTROL_SERIES = "no_control_series"
    NO_CONTROL_REQUESTS = "no_control_requests"
    READING_NOT_NEWER = "reading_not_newer"
    ERRORS_EXCEED_REQUESTS = "errors_exceed_requests"


BLIND_TO_CANDIDATE = frozenset({Gap.NO_CANDIDATE_SERIES, Gap.NO_CANDIDATE_REQUESTS})


@dataclass(frozen=True, slots=True)
class Window:
    """What happened in (since, until]; `control` is None where that arm had no series at both ends."""

    since: datetime
    until: datetime
    candidate: Counts
    control: Counts | None


def between(earlier: Reading | None, later: Reading) -> Window | Gap:
    """The window from `earlier` to `later`; the provider's instants count, whatever the worker's clock says."""
    if earlier is not None and later.at <= earlier.at:
        return Gap.READING_NOT_NEWER
    if later.candidate is None:
        return Gap.NO_CANDIDATE_SERIES
    if earlier is None or earlier.candidate is None:
        return Gap.FIRST_READING
    candidate = _grown(earlier.candidate, later.candidate)
    if isinstance(candidate, Gap):
        return candidate
    if earlier.control is None or later.control is None:
        return Window(earlier.at, later.at, candidate, None)
    control = _grown(earlier.control, later.control)
    return control if isinstance(control, Gap) else Window(earlier.at, later.at, candidate, control)


def _grown(earlier: Counts, later: Counts) -> Counts | Gap:
    requests, errors = later.requests - earlier.requests, later.errors - earlier.errors
    if requests < 0 or errors < 0:
        return Gap.COUNTER_RESET
    if errors > requests:
        return Gap.ERRORS_EXCEED_REQUESTS
    if not earlier.buckets or not later.buckets:
        return Counts(requests, errors)
    if [bound for bound, _ in earlier.buckets] != [bound for bound, _ in later.buckets]:
        return Gap.COUNTER_RESET
    heights = [after - before for (_, before), (_, after) in zip(earlier.buckets, later.buckets, strict=True)]
    if any(low > high for low, high in pairwise([0, *heights])):
        return Gap.COUNTER_RESET
    return Counts(requests, errors, tuple(zip((bound for bound, _ in later.buckets), heights, strict=True)))


def control_served(earlier: Reading | None, later: Reading) -> int:
    """Requests of the control since `earlier`; 0 where that cannot be told."""
    if earlier is None or earlier.control is None or later.control is None:
        return 0
    return max(0, later.control.requests - earlier.control.requests)
