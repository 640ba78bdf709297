"""People are told by mail and by signed webhook."""

from adapters.notify.routes import notifier

__all__ = ["notifier"]
