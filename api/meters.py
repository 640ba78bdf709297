"""What is counted about requests and evaluations, for Prometheus."""

from collections import Counter as Counts
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

CONFIGS = "/api/v1/configs"


class Evaluations:
    """Counted without a lock on the one thread of the event loop, and read when somebody scrapes."""

    def __init__(self) -> None:
        self.by_reason: Counts[str] = Counts()
        self.answers: Counts[int] = Counts()

    def collect(self) -> Iterator[Metric]:
        reasons = CounterMetricFamily("changegate_evaluations", "Evaluations by reason.", labels=["reason"])
        for reason, count in dict(self.by_reason).items():
            reasons.add_metric([reason], count)
        yield reasons
        answers = CounterMetricFamily("changegate_ofrep_answers", "OFREP answers by status.", labels=["status"])
        for status, count in dict(self.answers).items():
            answers.add_metric([str(status)], count)
        yield answers


class Meters:
    """One registry for each application, so that two in one process do not count together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.evaluations = Evaluations()
        self.registry.register(self.evaluations)
        labels = ("method", "route", "status")
        self._requests = Counter("changegate_requests", "Requests by route.", labels, registry=self.registry)
        self._seconds = Histogram(
            "changegate_request_seconds", "Time to the end of the answer.", ("method", "route"), registry=self.registry
        )
        self._configs_created = Counter(
            "changegate_configs_created", "Configs that were made at once.", registry=self.registry
        )
        self._config_get = Histogram(
            "changegate_config_get_duration_seconds", "Time to read one config.", registry=self.registry
        )

    def _observe_configs(self, method: str, route: str, status: int, seconds: float) -> None:
        if (method, route, status) == ("POST", CONFIGS, 201):
            self._configs_created.inc()
        elif (method, route, status) == ("GET", f"{CONFIGS}/{{config}}", 200):
            self._config_get.observe(seconds)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        self._observe_configs(method, route, status, seconds)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
