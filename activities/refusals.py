"""A refusal leaves an activity as a typed failure: retried only when a part did not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from domain.errors import Invalid, Refusal, Unavailable


@contextmanager
def typed() -> Iterator[None]:
    """Turns a Refusal into an ApplicationError whose type is its kind; facts and faults ride in the details."""
    try:
        yield
    except Refusal as refusal:
        raise failure(refusal) from None


def failure(refusal: Refusal) -> ApplicationError:
    faults = [[fault.path, fault.message] for fault in refusal.faults] if isinstance(refusal, Invalid) else []
    return ApplicationError(
        str(refusal),
        {"facts": {name: _plain(value) for name, value in refusal.facts.items()}, "faults": faults},
        type=refusal.kind,
        non_retryable=not isinstance(refusal, Unavailable),
    )


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str | list) else str(value)
