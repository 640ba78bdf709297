"""Where the rollout policy forbids what serves everybody at once, flags that are there change by rollouts only."""

import pytest

from application.locking.ruling import RolloutPolicies
from domain.approvals import ApprovalPolicy
from domain.changes import Kind
from domain.rollouts.policy import StrategyNotAllowed
from tests.world import OFF, ON, PRODUCTION, World

CHECKOUT = (PRODUCTION, "checkout")
RULES = {"staff": {"ends_with": [{"var": "email"}, "@example.test"]}}


@pytest.fixture
async def strict(world: World) -> World:
    await world.policy(ApprovalPolicy(()))
    said = {"strategies": ["canary"]}
    await RolloutPolicies(world.store).put(
        world.root, (PRODUCTION, Kind.FLAG), said, expected=0, reason="for the test"
    )  # fmt: skip
    return world


@pytest.mark.req("S70")
class TestServedOnlyByRollouts:
    async def test_a_flag_is_neither_written_nor_disabled_at_once(self, strict: World) -> None:
        await strict.flags.create(strict.ada, CHECKOUT, OFF, "new: nobody is served it yet")
        with pytest.raises(StrategyNotAllowed) as refused:
            await strict.flags.update(strict.ada, CHECKOUT, ON, expected=1, reason="faster")
        assert refused.value.facts["allowed"] == ["canary"]
        with pytest.raises(StrategyNotAllowed):
            await strict.flags.disable(strict.ada, CHECKOUT, expected=1, reason="no longer wanted")
        flag = await strict.flag()
        assert flag is not None
        assert (flag.version, flag.definition) == (1, OFF)

    async def test_the_kill_switch_asks_nobody(self, strict: World) -> None:
        await strict.put(ON)
        await strict.kill_switch.kill(strict.root, *CHECKOUT, variant="off", reason="it burns")
        flag = await strict.flag()
        assert flag is not None
        assert flag.definition["defaultVariant"] == "off"

    async def test_shared_rules_go_by_a_change_as_their_only_way(self, strict: World) -> None:
        with pytest.raises(StrategyNotAllowed):
            await strict.shared_rules.replace(strict.ada, PRODUCTION, RULES, expected=0, reason="for the test")
        change = await strict.propose(
            key="$evaluators", content=RULES, base_version=0, plan={"strategy": "direct"}
        )  # fmt: skip
        submitted = await strict.submission.submit(strict.ada, change.id)
        assert submitted.rollout.key == "$evaluators"
