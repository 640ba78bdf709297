"""The one place that knows everybody."""
