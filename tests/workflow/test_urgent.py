"""In an emergency nothing is waited for, and what is plainly broken goes back all the same."""

from typing import Any
from uuid import UUID

import pytest

from adapters.memory.metrics import Traffic, constant
from application.bypassing import Emergency
from domain.rollouts import State
from tests.workflow.theatre import CLASSIC, EXPRESS, Theatre, plan


async def urgent(stage: Theatre, **wishes: Any) -> UUID:
    change = await stage.draft(**wishes)
    emergency = Emergency("INC-7", "nobody can pay and nobody can be asked")
    await stage.submission.submit(stage.house.olu, change, emergency=emergency)
    stage.played.append(change)
    return change


class TestUrgent:
    @pytest.mark.req("S19", "I1")
    async def test_stages_follow_each_other_without_a_soak_and_each_is_looked_at(self, stage: Theatre) -> None:
        change = await urgent(stage, plan=plan(10, 50, 100, soak=3600, most=7200))
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 50, 100]
        assert [check.stage for check in await stage.evidence(change)] == [0, 1]
        assert await stage.served() == EXPRESS

    @pytest.mark.req("S32")
    async def test_what_is_plainly_broken_goes_back_from_its_bake(self, stage: Theatre) -> None:
        stage.metrics.drive("express", Traffic(constant(20), constant(0.8)))
        change = await urgent(stage, plan=plan(10, 100, bake_seconds=600))
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC
