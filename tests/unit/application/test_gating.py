from datetime import timedelta
from uuid import UUID

import pytest

from application.gating import CheckWish
from domain.gates import ProviderError, StageClock, Verdict
from tests.world import START, World


def wish(world: World, rollout: UUID, number: int) -> CheckWish:
    clock = StageClock(0, 60.0 * number, 600.0)
    return CheckWish(world.tenant.id, rollout, number, START + timedelta(minutes=number), clock)


class TestCheck:
    async def test_is_evidence_and_the_rollouts_verdict(self, world: World) -> None:
        rollout = await world.running()
        answer = await world.gating.check(wish(world, rollout, 1))
        (check,) = await world.rollouts.evidence(world.eve, rollout)
        assert (check.verdict, check.sentence, check.judged_at) == (
            answer.verdict, answer.sentence, START + timedelta(minutes=1),
        )  # fmt: skip
        assert (await world.rollout(rollout)).verdict is answer.verdict

    async def test_of_one_number_is_made_once(self, world: World) -> None:
        rollout = await world.running()
        first = await world.gating.check(wish(world, rollout, 1))
        world.metrics.answer(ProviderError("unreachable"))
        assert await world.gating.check(wish(world, rollout, 1)) == first
        assert len(world.metrics.asked) == 1

    async def test_goes_on_from_the_last_one(self, world: World) -> None:
        rollout = await world.running()
        for number in (1, 2, 3):
            await world.gating.check(wish(world, rollout, number))
        checks = await world.rollouts.evidence(world.eve, rollout)
        assert [check.state["checks"] for check in checks] == [1, 2, 3]
        assert checks[2].record["before"] == checks[1].state

    @pytest.mark.req("S49")
    async def test_a_source_that_does_not_answer_is_a_verdict(self, world: World) -> None:
        rollout = await world.running()
        world.metrics.outage(START, START + timedelta(hours=1))
        answer = await world.gating.check(wish(world, rollout, 1))
        assert answer.verdict is Verdict.PROVIDER_ERROR

    async def test_a_plan_without_gates_is_not_checked(self, world: World) -> None:
        rollout = await world.running(plan={"strategy": "direct"})
        with pytest.raises(LookupError):
            await world.gating.check(wish(world, rollout, 1))
