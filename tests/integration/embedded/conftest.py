"""What happens in another process is waited for, up to a bound."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

Until = Callable[[Callable[[], object]], Awaitable[None]]

LONGEST_SECONDS = 30


@pytest.fixture
def until() -> Until:
    async def until(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            while not condition():  # noqa: ASYNC110 - other processes set no event of ours
                await asyncio.sleep(0.01)

    return until
