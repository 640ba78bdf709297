"""What could not go back waits for an operator, who is called until he has said what is to happen."""

from uuid import UUID

import pytest

from domain.audit import Action
from domain.people import PermissionMissing
from domain.rollouts import NotRunning, State, Verb
from tests.workflow.theatre import CLASSIC, Theatre, seen


class TestIncomplete:
    @staticmethod
    async def drifted(stage: Theatre) -> UUID:
        change = await stage.launch()
        await stage.overwrite(variants={"classic": "c", "express": "theirs"})
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.until(change, State.ROLLBACK_INCOMPLETE)
        return change

    @pytest.mark.req("S72", "I5", "FR-CFG-008")
    async def test_forced_it_goes_over_what_others_wrote(self, stage: Theatre) -> None:
        change = await self.drifted(stage)
        await stage.act(stage.house.olu, change, Verb.FORCE, "the other write was a mistake")
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S72", "S73")
    async def test_asked_again_it_is_as_incomplete_as_before(self, stage: Theatre) -> None:
        change = await self.drifted(stage)
        await stage.act(stage.house.olu, change, Verb.RETRY, "look again")
        await seen(lambda: told_again(stage, change, 2))
        assert (await stage.rollout(change)).state is State.ROLLBACK_INCOMPLETE
        await stage.act(stage.house.olu, change, Verb.ACCEPT, "it stays as it is")
        assert await stage.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S72", "I6")
    async def test_what_was_accepted_is_listed(self, stage: Theatre) -> None:
        change = await self.drifted(stage)
        await stage.act(stage.house.olu, change, Verb.ACCEPT, "theirs is what we want")
        assert await stage.end(change) is State.ROLLED_BACK
        (event,) = await stage.audited(Action.ROLLBACK_ACCEPTED, change)
        assert event["reason"] == "theirs is what we want"
        assert [each["key"] for each in event["after"]["targets"]] == ["checkout"]

    @pytest.mark.req("I8")
    async def test_operators_are_called_every_half_hour(self, stage: Theatre) -> None:
        change = await self.drifted(stage)
        await seen(lambda: stage.told("rollback_incomplete"))
        first = await stage.told("rollback_incomplete")
        assert {person for person, _ in first} == {
            None, *(stage.house.people[handle].id for handle in ("olu", "root", "ada"))
        }  # fmt: skip
        assert first[0][1]["targets"] == "1"
        await stage.skip(change, minutes=95)
        await seen(lambda: told_times(stage, 4 * len(first)))

    @pytest.mark.parametrize("verb", [Verb.RETRY, Verb.ACCEPT, Verb.FORCE])
    async def test_only_what_is_incomplete_can_be_asked_so(self, stage: Theatre, verb: Verb) -> None:
        change = await stage.launch()
        with pytest.raises(NotRunning):
            await stage.act(stage.house.olu, change, verb)
        with pytest.raises(PermissionMissing):
            await stage.act(stage.house.eve, change, verb)


async def told_again(stage: Theatre, change: UUID, times: int) -> bool:
    lines = await stage.timeline(change)
    return [line.to_state for line in lines].count(State.ROLLBACK_INCOMPLETE) == times


async def told_times(stage: Theatre, times: int) -> bool:
    return len(await stage.told("rollback_incomplete")) == times
