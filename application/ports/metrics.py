"""What a gate asks of a metric source: a reading at an instant, the readings before it, and a trial run beforehand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from domain.gates import CohortQuery, CohortReading, MetricQuery, Observation, ProviderError, Reading


def edges(until: datetime, step: timedelta, windows: int) -> list[datetime]:
    """The instants between which lie so many windows that end at `until`."""
    return [until - step * left for left in range(windows, -1, -1)]


class MetricSource(Protocol):
    """Counters of both variants, or of each tenant; a source that cannot say answers with ProviderError.

    Nothing but `probe` raises for the provider.
    """

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        """Cumulative counters of both arms at `at` or just before; the reading carries the provider's own instant."""
        ...

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        """The same of each tenant."""
        ...

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        """Readings at the `edges` of so many windows, oldest first; where nothing was counted, without the arm."""
        ...

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        """The same of each tenant."""
        ...

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Run every query once; raises Invalid with the pointer of a faulty template, Unavailable without an answer."""
        ...
