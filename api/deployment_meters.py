"""What is told of deployments, for Prometheus: their own time, people's and that without sight are kept apart."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from application.deployments.tally import DeploymentTally, Distribution


class DeploymentMeters:
    def __init__(self, tally: DeploymentTally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        states = CounterMetricFamily("changegate_deployment_state", "Steps by where they led.", labels=["state"])
        for state, count in dict(tally.states).items():
            states.add_metric([state], count)
        yield states
        durations = HistogramMetricFamily(
            "changegate_deployment_duration_seconds", "From submission to the end, in three parts that are the whole.",
            labels=["status", "part"],
        )  # fmt: skip
        for (status, part), each in dict(tally.durations).items():
            durations.add_metric([status, part], each.buckets(), each.total)
        yield durations
        waits = HistogramMetricFamily(
            "changegate_approval_wait_seconds", "How long each level of an approval took.", labels=["level"]
        )
        for level, each in dict(tally.waits).items():
            waits.add_metric([str(level)], each.buckets(), each.total)
        yield waits
        yield _plain("changegate_rollback_duration_seconds", "From the decision to the end.", tally.rollbacks)
        yield CounterMetricFamily(
            "changegate_gate_blind_seconds", "Time in which gates of what has ended could not see.", value=tally.blind
        )
        yield from self._now()

    def _now(self) -> Iterator[Metric]:
        evidence = GaugeMetricFamily(
            "changegate_gate_evalue", "Evidence of harm of what is exposed now.", labels=["deployment", "metric"]
        )
        for (deployment, metric), value in self._tally.evidence.items():
            evidence.add_metric([deployment, metric], value)
        yield evidence
        shares = GaugeMetricFamily(
            "changegate_convergence_ratio", "Share of live instances that hold it.", labels=["deployment"]
        )
        for deployment, share in self._tally.convergence.items():
            shares.add_metric([deployment], share)
        yield shares


def serve(collectors: Iterable[Collector], host: str, port: int) -> None:
    """For a process that answers nothing else; a thread of its own, as long as the process."""
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    start_http_server(port, addr=host, registry=registry)


def _plain(name: str, meaning: str, each: Distribution) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, meaning)
    family.add_metric([], each.buckets(), each.total)
    return family
