"""Whoever counts outside of the installation is asked where its settings name it."""

import json

from pydantic import SecretStr

from adapters.metrics.datadog import DatadogKeys, DatadogSource
from adapters.metrics.http_json import HttpJsonSource, JsonService
from adapters.metrics.prometheus import PrometheusSource
from adapters.settings import Settings
from application.ports.egress import Egress
from application.ports.metrics import MetricSource
from domain.gates import SourceKind


def outside(settings: Settings, egress: Egress) -> dict[SourceKind, MetricSource]:
    """By kind, each source that is configured; `egress` reads answers of up to LARGEST_COHORT."""
    found: dict[SourceKind, MetricSource] = {}
    if settings.prometheus_url is not None:
        found[SourceKind.PROMETHEUS] = PrometheusSource(settings.prometheus_url)
    if settings.json_metrics_url is not None:
        service = JsonService(
            settings.json_metrics_url,
            settings.json_metrics_method,
            json.loads(_told(settings.json_metrics_headers) or "{}"),
            settings.json_metrics_instant,
            settings.json_metrics_time,
        )
        found[SourceKind.HTTP_JSON] = HttpJsonSource(service, egress)
    if settings.datadog_url is not None:
        keys = DatadogKeys(settings.datadog_url, _told(settings.datadog_api_key), _told(settings.datadog_app_key))
        found[SourceKind.DATADOG] = DatadogSource(keys, egress)
    return found


def _told(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
