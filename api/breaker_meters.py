"""What moved breakers in this process, for Prometheus: by what commands depend on and where it led."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric


class BreakerMeters:
    def __init__(self, moves: Mapping[tuple[str, str], int]) -> None:
        self._moves = moves

    def collect(self) -> Iterator[Metric]:
        moves = CounterMetricFamily(
            "changegate_command_breaker_moves", "Moves of breakers of commands.", labels=["dependency", "state"]
        )
        for labels, count in dict(self._moves).items():
            moves.add_metric(list(labels), count)
        yield moves
