"""What left this process, for Prometheus: by what it was and how it fared, whoever it was for."""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from application.faring import Sent


class DeliveryMeters:
    def __init__(self, *tallies: Mapping[Sent, int]) -> None:
        self._tallies = tallies

    def collect(self) -> Iterator[Metric]:
        total: Counter[Sent] = Counter()
        for tally in self._tallies:
            total.update(dict(tally))
        deliveries = CounterMetricFamily(
            "changegate_deliveries", "Attempts to deliver something outside.", labels=["kind", "outcome"]
        )
        for sent, count in total.items():
            deliveries.add_metric([sent.kind, sent.fared], count)
        yield deliveries
