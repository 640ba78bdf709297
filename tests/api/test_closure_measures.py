"""How long a close takes, over the API."""

from typing import Any

import pytest
import pytest_asyncio

from tests.api.closing import Closing


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    made = Closing(ask, world, house)
    await made.settle_in()
    return made


@pytest.mark.req("FP64")
class TestMeasures:
    async def test_say_what_holds_it_up_and_then_how_long_it_took(self, closing: Closing) -> None:
        await closing.template(
            closing.task("bank", effort_hours="4"), closing.task("report", after=["bank"], effort_hours="2.5")
        )
        close = await closing.begin(template="monthly")
        await closing.frozen(close)
        found = await closing.ok("eve", "GET", f"/period-closures/{close}/measures")
        assert (found["critical_path"], found["critical_hours"]) == (["bank", "report"], "6.5")
        assert (found["forecast"]["blocker"], found["forecast"]["remaining_hours"]) == ("bank", "6.5")
        assert found["forecast"]["remaining"] == ["bank", "report"]
        assert found["days_to_close"] is None

    async def test_of_a_close_that_is_done_are_its_days(self, closing: Closing) -> None:
        close = await closing.begin()
        await closing.frozen(close)
        approval = await closing.asked(close)
        for handle in ("bob", "cyd"):
            await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json={})
        await closing.closed(close)
        found = await closing.ok("eve", "GET", f"/period-closures/{close}/measures")
        assert found["forecast"] is None
        assert float(found["days_to_close"]["calendar"]) > 365
        assert found["days_to_close"]["business"] > 200
        assert (found["first_pass_yield"], found["tasks"]) == (None, [])
