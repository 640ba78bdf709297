from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from application.gating import CheckWish, Gating
from domain.gates import Counts, ProviderError, Reading, StageClock, Verdict, replayed
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


class TestPast:
    async def test_is_read_once_before_the_first_check(self, world: World) -> None:
        world.metrics = ScriptedSource(
            START - timedelta(days=1), {name: Traffic(constant(10.0), constant(0.01)) for name in ("on", "off")}
        )
        world.gating = Gating(world.store, world.metrics)
        rollout = await world.running()
        for number in (1, 2):
            await world.gating.check(wish(world, rollout, number))
        checks = await world.rollouts.evidence(world.eve, rollout)
        known = checks[0].record["before"]["baseline"]
        assert (known["windows"], known["requests"], known["phi"]) == (96, 864_000, 1.0)
        assert checks[1].state["baseline"] == known

    @pytest.mark.req("S49")
    async def test_that_cannot_be_read_is_blindness_until_it_can(self, world: World) -> None:
        rollout = await world.running()
        world.metrics.forget()
        answer = await world.gating.check(wish(world, rollout, 1))
        assert (answer.verdict, answer.sentence) == (
            Verdict.PROVIDER_ERROR, "the metric source did not answer: forgotten",
        )  # fmt: skip
        world.metrics.forget(everything=False)
        assert (await world.gating.check(wish(world, rollout, 2))).verdict is Verdict.CONTINUE


class TestHold:
    @pytest.mark.req("S33")
    async def test_is_told_to_whoever_asked(self, world: World) -> None:
        gates = {
            "min_requests": 100, "min_checks": 2,
            "signals": [{"name": "carts", "error_rate": {}, "metrics": {"key": "carts"}}],
        }  # fmt: skip
        rollout = await world.running(gates=gates)
        answers = []
        for number in range(1, 9):
            world.metrics.answer(
                _reading(number, 300), _reading(number, 6)
            )  # the signal is asked before the guardrails
            answers.append(await world.gating.check(wish(world, rollout, number)))
        assert [answer.hold for answer in answers][0::7] == ["", "signal"]
        assert answers[-1].verdict is Verdict.CONTINUE

    @pytest.mark.req("S46")
    async def test_of_a_share_that_was_not_planned(self, world: World) -> None:
        rollout = await world.running(gates={"sample_ratio": {}})
        for number in range(1, 9):
            answer = await world.gating.check(wish(world, rollout, number))
        assert (answer.hold, answer.verdict) == ("srm", Verdict.CONTINUE)
        assert "50.0 % of" in answer.sentence
        assert "planned were 10.0 %" in answer.sentence


class TestRecord:
    @pytest.mark.req("S48")
    async def test_names_the_code_and_replays(self, world: World) -> None:
        rollout = await world.running()
        for number in (1, 2, 3):
            await world.gating.check(wish(world, rollout, number))
        checks = await world.rollouts.evidence(world.eve, rollout)
        assert all(check.record["code"].startswith("changegate ") for check in checks)
        assert all(replayed(check.record, check.state).exact for check in checks)


def _reading(number: int, errors: int) -> Reading:
    counts = Counts(600 * number, errors * number), Counts(5400 * number, 54 * number)
    return Reading(START + timedelta(minutes=number), *counts)
