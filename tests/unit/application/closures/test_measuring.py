from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.closures import Act, DaysToClose, TaskTimes
from domain.errors import Missing
from domain.people import PermissionMissing
from tests.closes import Close


async def measured(close: Close) -> Any:
    return await close.cases.measuring.of(close.world.eve, close.run_id)


class TestMeasuring:
    async def test_tells_when_a_close_lands_and_what_holds_it_up(self, close: Close) -> None:
        await close.template(
            close.task("bank", effort_hours="4"), close.task("report", after=["bank"], effort_hours="2")
        )
        await close.frozen(template="month-end")
        found = await measured(close)
        assert (found.critical.keys, found.critical.hours) == (("bank", "report"), Decimal(6))
        assert found.ahead.blocker == "bank"
        assert found.ahead.lands_at == close.world.clock() + timedelta(hours=18)
        assert (found.days, found.first_pass_yield) == (None, None)
        assert found.lands.calendar > 0

    @pytest.mark.req("FP64")
    async def test_tells_how_long_it_took_and_how_its_tasks_went(self, close: Close) -> None:
        await close.template(close.task("bank"))
        close.world.clock.now = datetime(2025, 4, 4, 14, tzinfo=UTC)
        await close.frozen(template="month-end")
        close.world.clock += timedelta(hours=6)
        await close.act(close.world.own, Act.COMPLETE_TASK, task="bank")
        await close.validate()
        stand = await close.cases.validating.ask(close.step())
        await close.vote(stand)
        await close.cases.closing.close(close.step())
        found = await measured(close)
        assert found.days == DaysToClose(Decimal("3.92"), 4)
        assert (found.ahead, found.lands, found.first_pass_yield) == (None, None, Decimal("1.00"))
        assert found.tasks == (TaskTimes("bank", timedelta(hours=6), timedelta(0), 0),)

    async def test_is_for_who_may_read_periods_and_of_a_close_that_is_there(self, close: Close) -> None:
        await close.ask()
        with pytest.raises(PermissionMissing):
            await close.cases.measuring.of(replace(close.world.eve, roles=frozenset()), close.run_id)
        close.run_id = close.world.eve.id
        with pytest.raises(Missing):
            await measured(close)
