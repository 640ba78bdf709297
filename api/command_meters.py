"""What this worker executed, for Prometheus, and what all workers have before them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from application.commands.pace import Pace


class CommandMeters:
    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def collect(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "changegate_command_executions", "Executions by where they led.", labels=["domain", "state"]
        )
        for (domain, state), count in dict(self._pace.ended).items():
            ended.add_metric([domain, state], count)
        yield ended
        standing = GaugeMetricFamily(
            "changegate_commands", "Commands that are not over, of all tenants.", labels=["domain", "state"]
        )
        leases = GaugeMetricFamily("changegate_command_leases", "Leases that have not ended.", labels=["domain"])
        lag = GaugeMetricFamily(
            "changegate_command_lag_seconds", "For how long the first command has been due.", labels=["domain"]
        )
        for domain, found in self._pace.found.items():
            for state, many in found.states.items():
                standing.add_metric([domain, state], many)
            leases.add_metric([domain], found.leases)
            lag.add_metric([domain], found.lag)
        yield from (standing, leases, lag)
