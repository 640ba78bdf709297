"""A rule that says no in a workflow says it with the same word as everywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError

from activities.refusals import typed

__all__ = ["proof_in", "said", "typed"]


@contextmanager
def said() -> Iterator[None]:
    """In a handler: the caller gets the refusal that the activity gave, without the wrapping."""
    try:
        yield
    except ActivityError as error:
        if isinstance(error.cause, ApplicationError):
            raise error.cause from None
        raise


def proof_in(given: Any) -> str:
    """The assertion in whatever a signal brought; empty where there is none, and then refused like a forged one."""
    proof = given.get("assertion") if isinstance(given, dict) else None
    return proof if isinstance(proof, str) else ""
