"""What a call to Temporal comes to: an answer, nothing where there is nothing, or that Temporal is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import ActivityFailureError, WorkflowFailureError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.client import TemporalUnavailable

PATIENCE = timedelta(seconds=10)
"""For one call."""
Told = TypeVar("Told")


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """No answer, or none in time, is one refusal; what was asked may still happen, and asking again is safe."""
    try:
        yield
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError, OSError, RuntimeError) as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None  # nobody waits for the answer any more
        raise TemporalUnavailable from error


async def if_there(call: Awaitable[Told]) -> Told | None:
    """None where what is asked about was never there, or is kept no longer."""
    try:
        return await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def ended(result: Awaitable[Any]) -> None:
    """Once it is over, well or not."""
    try:
        await if_there(result)
    except (WorkflowFailureError, ActivityFailureError):
        return
