from collections.abc import AsyncIterator
from uuid import uuid4

from application.tenancy.closings import Closings
from domain.environments import Environment


class Told:
    """News of one tenant that was closed, between two doubts about the line."""

    alive, line = True, 1

    async def listen(self) -> AsyncIterator[tuple[object, Environment] | None]:
        for word in (None, (uuid4(), Environment.PRODUCTION), None):
            yield word


class TestClosings:
    async def test_doubt_counts_and_is_not_a_closing(self) -> None:
        closings = Closings(Told())  # type: ignore[arg-type]  # news of anything
        await closings.follow()
        assert (closings.count, closings.heard) == (3, 1)

    async def test_without_news_nothing_is_heard_of(self) -> None:
        closings = Closings()
        await closings.follow()
        assert (closings.count, closings.heard) == (0, 0)
