"""Every checkout is counted twice: in series that Prometheus scrapes, and in windows that are reported."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from examples.shop.definitions import VARIANTS

BUCKETS_S = (0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 2.5)
BOUNDS_S = (*BUCKETS_S, math.inf)


@dataclass
class Window:
    """What one variant did since the last report; `counts` stand beside BOUNDS_S and do not accumulate."""

    requests: int = 0
    errors: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))

    def add(self, seconds: float, *, failed: bool) -> None:
        self.requests += 1
        self.errors += failed
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1


class Measures:
    """Counts of each variant; used on the event loop only, so a scrape never sees half a request."""

    def __init__(self, flag: str) -> None:
        self._flag = flag
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "shop_requests", "Checkouts by outcome.", ["flag", "variant", "outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "shop_request_seconds",
            "Time to answer a checkout, the flag's evaluation included.",
            ["flag", "variant"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        # A series that is there from the start has a rate from the start.
        for variant in VARIANTS:
            self._seconds.labels(flag, variant)
            for outcome in ("ok", "error"):
                self._requests.labels(flag, variant, outcome)
        self._windows = {variant: Window() for variant in VARIANTS}

    def count(self, variant: str, seconds: float, *, failed: bool) -> None:
        self._requests.labels(self._flag, variant, "error" if failed else "ok").inc()
        self._seconds.labels(self._flag, variant).observe(seconds)
        self._windows.setdefault(variant, Window()).add(seconds, failed=failed)

    def exposition(self) -> bytes:
        return generate_latest(self._registry)

    def take_windows(self) -> dict[str, Window]:
        """The windows of the variants met since the last call; at first those of all, though nothing was counted."""
        taken, self._windows = self._windows, {}
        return taken
