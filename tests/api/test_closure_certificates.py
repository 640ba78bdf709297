"""The certificates of a period over the API, as PostgreSQL keeps them."""

from typing import Any

import pytest_asyncio

from tests.api.closing import Closing

HERE = "/entities/kit/periods/2025-01/certificates"


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    made = Closing(ask, world, house)
    await made.settle_in()
    return made


class TestCertificates:
    async def test_are_listed_and_checked(self, closing: Closing) -> None:
        assert await closing.ok("eve", "GET", HERE) == {
            "intact": True, "broken_at": None, "since": None, "items": [],
        }  # fmt: skip
        close = await closing.begin()
        await closing.frozen(close)
        approval = await closing.asked(close)
        for handle in ("bob", "cyd"):
            await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json={})
        await closing.closed(close)
        found = await closing.ok("eve", "GET", HERE)
        assert (found["intact"], found["broken_at"]) == (True, None)
        assert found["items"] == [await closing.ok("eve", "GET", f"/period-closures/{close}/certificate")]

    async def test_of_a_period_that_is_not_there_are_missing(self, closing: Closing, ask: Any) -> None:
        answer = await ask("eve", "GET", HERE.replace("2025-01", "2031-01"))
        assert answer.status_code == 404, answer.text
