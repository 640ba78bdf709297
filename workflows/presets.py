"""How long each kind of effect may take, and how it is retried; nothing retries without a bound but a rollback."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class Preset(TypedDict, total=False):
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


def _retry(first: float, longest: float, attempts: int = 0) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=first),
        maximum_interval=timedelta(seconds=longest),
        maximum_attempts=attempts,
    )


RECORD: Preset = {
    "start_to_close_timeout": timedelta(seconds=10),
    "schedule_to_close_timeout": timedelta(minutes=30),
    "retry_policy": _retry(0.2, 10),
}
"""A state row and its audit event."""

EXPOSE: Preset = {
    "start_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": timedelta(seconds=10),
    "schedule_to_close_timeout": timedelta(minutes=30),
    "retry_policy": _retry(0.2, 10),
}
"""A stage of many tenants, a transaction after the other; a worker that dies is missed by its heartbeat."""

LASTING: Preset = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": _retry(0.2, 30),
}
"""What must be written in the end, however long the database is away: the end of an approval, of a rollout."""

PROBE: Preset = {
    "start_to_close_timeout": timedelta(seconds=45),
    "schedule_to_close_timeout": timedelta(minutes=2),
    "retry_policy": _retry(0.5, 5, attempts=3),
}
"""A look at the metrics; that it failed is a fact about the metrics."""

RESTORE: Preset = {
    "start_to_close_timeout": timedelta(seconds=15),
    "schedule_to_close_timeout": timedelta(minutes=15),
    "retry_policy": _retry(0.5, 60),
}
"""Going back; after a quarter of an hour a person is called and can ask for it again."""

REMIND: Preset = {
    "start_to_close_timeout": timedelta(seconds=15),
    "schedule_to_close_timeout": timedelta(hours=1),
    "retry_policy": _retry(2, 300),
}
"""A message; that it could not be written never stops an approval."""


def smoke_preset(left: timedelta) -> Preset:
    """Smoke tests have what is left of their time and no more; a worker that dies meanwhile is missed."""
    return {
        "start_to_close_timeout": left,
        "schedule_to_close_timeout": left,
        "heartbeat_timeout": timedelta(seconds=10),
        "retry_policy": _retry(0.5, 10),
    }


CALL: Preset = {
    "start_to_close_timeout": timedelta(seconds=15),
    "schedule_to_close_timeout": timedelta(minutes=5),
    "retry_policy": _retry(2, 60),
}
"""A call for an operator, who may answer it while it is still being written; the next one comes anyway."""

TASK_TIMEOUT = timedelta(seconds=5)
"""A worker that dies with a workflow task in its hands costs a voter this long; a vote is waited for 10 s."""
