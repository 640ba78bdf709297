"""A window is the difference of two readings, so windows never overlap and together cover all the time."""

from dataclasses import dataclass, field
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
    """What happened in (since, until]; `control` is None where that arm had no series at both ends.

    Of a cohort, `expected` are the errors that each arm would have had in it, had its tenants erred as before the
    rollout; `resets` of its tenants began to count anew and are left out. `slow` says by latency gate how many requests
    of each arm were slow, and how many were to be expected.
    """

    since: datetime
    until: datetime
    candidate: Counts
    control: Counts | None
    expected: tuple[float, float] | None = None
    resets: int = 0
    slow: dict[str, "SlowWindow"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlowWindow:
    """(candidate, control): requests with slow ones among them, and slow ones to be expected by the own past."""

    candidate: tuple[int, int]
    control: tuple[int, int]
    expected: tuple[float, float]


def between(earlier: Reading | None, later: Reading) -> Window | Gap:
    """The window from `earlier` to `later`; the provider's instants count, whatever the worker's clock says."""
    if earlier is not None and later.at <= earlier.at:
        return Gap.READING_NOT_NEWER
    if later.candidate is None:
        return Gap.NO_CANDIDATE_SERIES
    if earlier is None or earlier.candidate is None:
        return Gap.FIRST_READING
    candidate = grown(earlier.candidate, later.candidate)
    if isinstance(candidate, Gap):
        return candidate
    if earlier.control is None or later.control is None:
        return Window(earlier.at, later.at, candidate, None)
    control = grown(earlier.control, later.control)
    return control if isinstance(control, Gap) else Window(earlier.at, later.at, candidate, control)


def grown(earlier: Counts, later: Counts) -> Counts | Gap:
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


def control_served(earlier: object, later: object) -> int:
    """Requests of the control since `earlier`; 0 where that cannot be told."""
    if not isinstance(earlier, Reading) or not isinstance(later, Reading):
        return 0
    if earlier.control is None or later.control is None:
        return 0
    return max(0, later.control.requests - earlier.control.requests)
