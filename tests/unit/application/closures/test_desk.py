"""What people do in a close is checked before it is signed, and done once however often it is asked."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.closures import desk
from application.closures.desk import FENCE_ACKNOWLEDGED, ActWish, ClosureDesk, closures_heard
from application.closures.stand import ClosureAct
from domain.closures import Act, ClosureRun, NotTheirTask, RunOver, RunState, TaskState, WrongRunState
from domain.errors import Missing, Refusal, Unavailable
from domain.people import Actor, PermissionMissing
from tests.closes import Close

WHY = "because of the test"


@dataclass
class Ears:
    """A process that answers with the next of `refusals`, and does what it is asked once there is none."""

    close: Close
    refusals: list[Refusal] = field(default_factory=list)
    heard: list[Act] = field(default_factory=list)
    started: list[UUID] = field(default_factory=list)
    told: list[tuple[UUID, str, int | None]] = field(default_factory=list)

    async def closure_act(self, run: ClosureRun, act: Act, actor: UUID, assertion: str, task: str | None) -> None:
        del actor, task
        if self.refusals:
            raise self.refusals.pop(0)
        self.heard.append(act)
        step = self.close.step()
        await self.close.cases.tasks.apply(ClosureAct(run.tenant, run.id, act, assertion, step.name, step.at))

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        del requester
        self.started.append(run.id)

    async def closure_told(self, run: ClosureRun, what: str, missing: int | None = None) -> None:
        self.told.append((run.id, what, missing))


@dataclass
class Story:
    close: Close
    ears: Ears
    desk: ClosureDesk

    async def act(self, actor: Actor, act: Act, task: str | None = None) -> Any:
        return await self.desk.act(actor, self.close.run_id, ActWish(act, WHY, task))

    async def refused(self) -> list[Any]:
        found = await self.close.world.events("closure:act:refused")
        return [row.event["after"]["refusal"] for row in found]


@pytest.fixture
async def story(close: Close, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Own has one task, which is ready."""
    monkeypatch.setattr(desk, "_UNTIL_HEARD", (0.0, 0.0))
    await close.template(close.task("bank"))
    await close.frozen(template="month-end")
    ears = Ears(close)
    processes: Any = ears
    return Story(close, ears, ClosureDesk(close.world.store, processes, close.world.acting, close.cases))


class TestDesk:
    async def test_what_is_allowed_is_done(self, story: Story) -> None:
        view = await story.act(story.close.world.own, Act.COMPLETE_TASK, "bank")
        assert [task.state for task in view.tasks] == [TaskState.DONE]
        assert story.ears.heard == [Act.COMPLETE_TASK]

    async def test_the_same_request_is_obeyed_once(self, story: Story) -> None:
        own = replace(story.close.world.own, request=uuid4())
        for _ in range(2):
            view = await story.act(own, Act.COMPLETE_TASK, "bank")
        assert [task.state for task in view.tasks] == [TaskState.DONE]
        assert story.ears.heard == [Act.COMPLETE_TASK]

    async def test_what_is_refused_is_not_signed_and_stands_in_the_trail(self, story: Story) -> None:
        with pytest.raises(NotTheirTask):
            await story.act(story.close.world.rev, Act.COMPLETE_TASK, "bank")
        assert await story.refused() == ["not-your-task"]
        assert story.ears.heard == []

    async def test_what_is_not_there_does_not(self, story: Story) -> None:
        with pytest.raises(Missing):
            await story.act(story.close.world.own, Act.COMPLETE_TASK, "nothing")
        with pytest.raises(PermissionMissing):
            await story.act(story.close.world.eve, Act.ABORT)
        assert await story.refused() == []

    async def test_a_process_that_has_not_heard_yet_is_asked_again(self, story: Story) -> None:
        story.ears.refusals = [WrongRunState(state="FREEZING"), WrongRunState(state="FREEZING")]
        await story.act(story.close.world.own, Act.COMPLETE_TASK, "bank")
        assert story.ears.heard == [Act.COMPLETE_TASK]
        assert story.ears.started == []

    async def test_one_that_does_not_come_round_has_the_last_word(self, story: Story) -> None:
        story.ears.refusals = [WrongRunState(state="FREEZING")] * 3
        with pytest.raises(WrongRunState):
            await story.act(story.close.world.own, Act.COMPLETE_TASK, "bank")

    async def test_one_that_was_lost_is_started_anew(self, story: Story) -> None:
        story.ears.refusals = [RunOver()]
        view = await story.act(story.close.world.fin, Act.ABORT)
        assert view.run.state is RunState.ABORTED
        assert story.ears.started == [story.close.run_id]

    async def test_a_close_that_is_over_is_not(self, story: Story) -> None:
        await story.act(story.close.world.fin, Act.ABORT)
        with pytest.raises(RunOver):
            await story.act(story.close.world.fin, Act.ABORT)
        assert story.ears.started == []
        assert await story.refused() == ["closure-over"]

    async def test_what_was_done_meanwhile_is_not_done_again(
        self, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer was lost, and the process says that it is too late for it."""
        own, said = replace(story.close.world.own, request=uuid4()), story.ears.closure_act

        async def lost(*given: Any) -> None:
            await said(*given)
            raise WrongRunState

        monkeypatch.setattr(story.ears, "closure_act", lost)
        view = await story.act(own, Act.COMPLETE_TASK, "bank")
        assert [task.state for task in view.tasks] == [TaskState.DONE]
        assert story.ears.heard == [Act.COMPLETE_TASK]

    async def test_who_does_not_answer_has_refused_nothing(self, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
        async def away(*_: Any) -> None:
            raise Unavailable(part="database")

        monkeypatch.setattr(story.close.cases.tasks, "check", away)
        with pytest.raises(Unavailable):
            await story.act(story.close.world.own, Act.COMPLETE_TASK, "bank")
        assert await story.refused() == []


class TestHeard:
    async def test_a_close_is_told_that_a_module_has_answered(self, story: Story) -> None:
        processes: Any = story.ears
        await closures_heard(story.close.cases, processes)(story.close.world.tenant.id, story.close.run_id)
        assert story.ears.told == [(story.close.run_id, FENCE_ACKNOWLEDGED, 0)]
