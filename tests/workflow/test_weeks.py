"""What waits for weeks has a short history: little happens in a day, and a long run is followed by a new one."""

from datetime import timedelta

import pytest

from adapters.temporal import processes
from domain.approvals import Level
from domain.locks import WhileRunning
from domain.rollouts import State, Verb
from tests.workflow.lengths import runs, written
from tests.workflow.theatre import CLASSIC, DIRECT, Theatre, seen
from tests.workflow.waits import called, frozen, lifted

DAY = timedelta(days=1)
DAYS = 14
MOST_A_DAY = 24 * 11 * 2
"""Events: an hour costs eleven, one more where time was skipped, and some where a worker is slow and is asked again."""


class TestApproval:
    async def test_nothing_happens_but_what_the_policy_says(self, stage: Theatre) -> None:
        reminders = tuple(DAY * day for day in (1, 7, 14))
        await stage.policy(Level((), (stage.house.bob.id,)), deadline=30 * DAY, reminders=reminders)
        change = await stage.submit(plan=DIRECT)
        await seen(lambda: told(stage, "approval_requested"))
        await stage.skip_approval(change, days=DAYS + 1)
        assert await told(stage, "approval_reminder") == len(reminders) * await told(stage, "approval_requested")
        assert await written(stage, change) < 20
        assert await written(stage, change, "approval") < 100
        await stage.approve(change, stage.house.bob)
        assert await stage.end(change) is State.SUCCEEDED


class TestTurn:
    @pytest.mark.req("S88", "S90")
    async def test_frozen_it_asks_every_hour_and_begins_new_runs(self, stage: Theatre) -> None:
        await stage.policy(validity=60 * DAY)
        freeze = await frozen(stage, WhileRunning.CONTINUE, days=60)
        change = await stage.submit(plan=DIRECT)
        await stage.until(change, State.BLOCKED)
        await stage.skip(change, days=1)
        assert await written(stage, change) < MOST_A_DAY
        await stage.skip(change, days=DAYS - 1)
        assert (await stage.rollout(change)).state is State.BLOCKED
        assert await runs(stage, change) > 1
        assert await written(stage, change) < processes.MOST_EVENTS + 20
        assert len(await stage.timeline(change)) == 3
        await lifted(stage, freeze)
        await called(stage, change, State.SUCCEEDED)
        assert await stage.end(change) is State.SUCCEEDED


class TestIncomplete:
    @pytest.mark.req("S73", "S90", "I8")
    async def test_operators_are_called_from_new_runs_and_heard_there(
        self, stage: Theatre, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(processes, "MOST_EVENTS", 200)
        change = await stage.launch()
        await stage.overwrite(variants={"classic": "c", "express": "theirs"})
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.until(change, State.ROLLBACK_INCOMPLETE)
        at_once = await seen(lambda: told(stage, "rollback_incomplete"))
        await stage.skip(change, hours=24, minutes=5)
        assert await runs(stage, change) > 2
        assert await told(stage, "rollback_incomplete") == 49 * at_once
        assert [line.to_state for line in await stage.timeline(change)].count(State.ROLLBACK_INCOMPLETE) == 1
        await stage.act(stage.house.olu, change, Verb.RETRY, "look again")
        await seen(lambda: told_times(stage, 50 * at_once))
        await stage.act(stage.house.olu, change, Verb.FORCE, "the other write was a mistake")
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    async def test_accepted_in_a_new_run_it_ends(self, stage: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "MOST_EVENTS", 100)
        change = await stage.launch()
        await stage.overwrite(variants={"classic": "c", "express": "theirs"})
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.until(change, State.ROLLBACK_INCOMPLETE)
        await stage.skip(change, hours=10)
        assert await runs(stage, change) > 1
        await stage.act(stage.house.olu, change, Verb.ACCEPT, "theirs is what we want")
        assert await stage.end(change) is State.ROLLED_BACK


async def told(stage: Theatre, template: str) -> int:
    return len(await stage.told(template))


async def told_times(stage: Theatre, times: int) -> bool:
    return await told(stage, "rollback_incomplete") == times
