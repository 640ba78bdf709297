from typing import Any, ClassVar
from uuid import UUID

import pytest

from domain.errors import Invalid
from domain.rollouts import State
from tests.world import ON, World


class TestAsAChange:
    """They go the way of every change, all at once."""

    RULES: ClassVar = {"staff": {"ends_with": [{"var": "email"}, "@example.test"]}}
    NAMING: ClassVar = {**ON, "targeting": {"if": [{"$ref": "staff"}, "on", None]}}

    async def approved(self, world: World, **given: Any) -> UUID:
        change = await world.propose(plan={"strategy": "direct"}, **given)
        await world.submission.submit(world.ada, change.id)
        await world.vote("bob", change.id)
        await world.vote("cyd", change.id)
        return change.id

    async def test_are_served_at_once_and_emptied_when_they_go_back(self, world: World) -> None:
        change = await self.approved(world, key="$evaluators", content=self.RULES, base_version=0)
        await world.admit(change)
        assert await world.progression.expose(world.step(change), 0) == 1
        rules = await world.flag("$evaluators")
        assert rules is not None
        assert rules.definition == self.RULES
        await world.progression.move(world.step(change), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(change)) is State.ROLLED_BACK
        rules = await world.flag("$evaluators")
        assert rules is not None
        assert (rules.version, rules.definition) == (2, {})

    async def test_that_are_gone_by_the_time_of_the_yes_end_the_change(self, world: World) -> None:
        await world.put()
        await world.put(self.RULES, key="$evaluators")
        change = await self.approved(world, content=self.NAMING)
        await world.put({}, key="$evaluators")
        admission = await world.admit(change)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_that_go_between_the_check_and_the_write_stop_the_write(self, world: World) -> None:
        await world.put()
        await world.put(self.RULES, key="$evaluators")
        change = await self.approved(world, content=self.NAMING)
        await world.admit(change)
        await world.put({}, key="$evaluators")
        with pytest.raises(Invalid):
            await world.progression.expose(world.step(change), 0)
        flag = await world.flag()
        assert flag is not None
        assert flag.version == 1
