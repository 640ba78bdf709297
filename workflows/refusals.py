"""A rule that says no in a workflow says it with the same word as everywhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from activities.refusals import typed

__all__ = ["clean", "count_in", "proof_in", "said", "typed"]

MOST_CHARACTERS = 4096


@contextmanager
def said() -> Iterator[None]:
    """In a handler: the caller gets the refusal that the activity gave, without the wrapping."""
    try:
        yield
    except ActivityError as error:
        if isinstance(error.cause, ApplicationError):
            raise error.cause from None
        raise


def proof_in(given: Sequence[RawValue]) -> str:
    """The assertion in whatever a signal brought; empty where there is none, and then refused like a forged one."""
    said = _brought(given)
    proof = said.get("assertion") if isinstance(said, dict) else None
    return clean(proof) if isinstance(proof, str) else ""


def count_in(given: Sequence[RawValue]) -> int:
    """The number that a signal brought, or 0."""
    said = _brought(given)
    return said if isinstance(said, int) and said > 0 else 0


def clean(assertion: str) -> str:
    """What can be an assertion at all; a text that cannot be handed on would stop the workflow."""
    return assertion if len(assertion) <= MOST_CHARACTERS and assertion.isascii() else ""


def _brought(given: Sequence[RawValue]) -> Any:
    try:
        return workflow.payload_converter().from_payload(given[0].payload) if given else None
    except Exception:  # noqa: BLE001 -- a stranger's bytes fail in any way that they like, and stop nothing
        return None
