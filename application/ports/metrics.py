"""What a gate asks of a metric source: one reading at an instant, and a trial run of the queries beforehand."""

from datetime import datetime
from typing import Protocol

from domain.gates import MetricQuery, Observation


class MetricSource(Protocol):
    """Counters of both variants; a source that cannot say answers with ProviderError and does not raise."""

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        """Cumulative counters of both arms at `at` or just before; the reading carries the provider's own instant."""
        ...

    async def probe(self, query: MetricQuery) -> None:
        """Run every query once; raises Invalid with the pointer of a faulty template, Unavailable without an answer."""
        ...
