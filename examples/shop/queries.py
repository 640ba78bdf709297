"""What a change's `metrics` field holds when the gates of a rollout shall watch the shop."""

_SERIES = '{flag="$flag",variant="$variant"}'
_FAILED = '{flag="$flag",variant="$variant",outcome="error"}'


def prometheus() -> dict[str, object]:
    """Count what Prometheus scraped from the shop's /metrics."""
    return {
        "source": "prometheus",
        "templates": {
            "requests": f"sum(shop_requests_total{_SERIES})",
            "errors": f"sum(shop_requests_total{_FAILED}) or vector(0)",
            "latency_buckets": f"sum by (le) (shop_request_seconds_bucket{_SERIES})",
        },
    }


def telemetry() -> dict[str, object]:
    """Count what the shop reported to Changegate itself."""
    return {"source": "telemetry"}
