"""What is counted about requests, evaluations and cached settings, for Prometheus."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from application.flag_usage.counting import Tallies
from application.settings.tally import Tally

CONFIGS = "/api/v1/configs"


class Evaluations:
    """Counted without a lock on the one thread of the event loop, and read when somebody scrapes."""

    def __init__(self, tallies: Tallies) -> None:
        self.tallies = tallies
        self.answers: Counts[int] = Counts()
        self.streams = 0

    def collect(self) -> Iterator[Metric]:
        reasons = CounterMetricFamily("changegate_evaluations", "Evaluations by reason.", labels=["reason"])
        for reason, count in self.tallies.by_reason().items():
            reasons.add_metric([reason], count)
        yield reasons
        answers = CounterMetricFamily("changegate_ofrep_answers", "OFREP answers by status.", labels=["status"])
        for status, count in dict(self.answers).items():
            answers.add_metric([str(status)], count)
        yield answers
        yield GaugeMetricFamily("changegate_ofrep_streams", "OFREP event streams that are open.", value=self.streams)


class CachedSettings:
    """How often the levels of the cache had what was asked of settings: l1 is memory, l2 is shared."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        counts = {"l1": (tally.first_hits, tally.first_misses), "l2": (tally.second_hits, tally.second_misses)}
        requests = CounterMetricFamily(
            "changegate_cache_requests", "Keys asked of each level.", labels=["level", "result"]
        )
        rate = GaugeMetricFamily("changegate_cache_hit_rate", "Of those, the share that it had.", labels=["level"])
        for level, (hits, misses) in counts.items():
            requests.add_metric([level, "hit"], hits)
            requests.add_metric([level, "miss"], misses)
            if hits + misses:
                rate.add_metric([level], hits / (hits + misses))
        yield from (requests, rate)
        yield CounterMetricFamily(
            "changegate_cache_invalidations", "News that took settings from memory.", value=tally.invalidations
        )
        yield CounterMetricFamily(
            "changegate_cache_stale_refused", "Found in l2, and not shown to be still so.", value=tally.refused
        )


class ActiveConfigs:
    """By environment, of every tenant that this process holds in memory when somebody scrapes."""

    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        active = GaugeMetricFamily("changegate_configs_active", "Configs that are held.", labels=["environment"])
        for environment, count in self._count().items():
            active.add_metric([environment], count)
        yield active


class Meters:
    """One registry for each application, so that two in one process do not count together."""

    def __init__(self, settings: Tally | None = None, evaluated: Tallies | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(CachedSettings(settings or Tally()))
        self.evaluations = Evaluations(evaluated or Tallies())
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

    def watch_configs(self, count: Callable[[], Mapping[str, int]]) -> None:
        self.registry.register(ActiveConfigs(count))

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
