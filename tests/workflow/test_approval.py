"""Approvals on the real server: who may, in which order, how many, and until when."""

import pytest

from domain.approvals import Standing
from domain.rollouts import State
from tests.workflow.conftest import Theatre


class TestLevels:
    @pytest.mark.req("S1", "S24")
    async def test_two_levels_approved_in_order_start_the_rollout_without_another_call(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.standing(change) is Standing.APPROVED
        await stage.skip(change, hours=8)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 25, 50, 100]
