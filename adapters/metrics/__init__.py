"""Counts come from Prometheus or from our own telemetry."""
