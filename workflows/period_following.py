"""Where the close of a period stands, how a step of it is taken, and how it follows what people do."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.closures import ClosureActivities, Reminded
    from application.closures.stand import ClosureAct, RunStep, Stand
    from domain.closures.refusals import RunOver
    from domain.closures.reminders import Reminder, reminders
    from domain.closures.states import Act, RunState, check_act
    from workflows import search
    from workflows.approval import CLOSED
    from workflows.period_acts import Attended
    from workflows.period_messages import ClosureProof, ClosureRequest, Kept
    from workflows.presets import REMIND, Preset
    from workflows.refusals import said, typed

BOOKS: Preset = {
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=0.2), maximum_interval=timedelta(seconds=30)),
}
"""A step over the books of a period, which waits for those who post; a worker that dies is missed by its heartbeat."""
ACT: Preset = {**BOOKS, "schedule_to_close_timeout": timedelta(minutes=30)}
"""What a person does: somebody waits for the answer."""
ANSWER_PATIENCE = timedelta(seconds=5)
"""So long whoever asks to look again waits for what is found."""
MOST_SHOWN = 10


class Followed(Attended):
    def __init__(self, request: ClosureRequest) -> None:
        kept = request.kept
        self._request = request
        self._stand = kept.stand if kept else Stand(request.run, RunState.INITIATED)
        self._steps = kept.steps if kept else 0
        self._reminded = kept.reminded if kept else workflow.now()
        self._attempts = kept.attempts if kept else 0
        self._again = kept.again if kept else False
        self._fences_heard = False
        self._checking = False
        self._vote: workflow.ChildWorkflowHandle[Any, Any] | None = None
        self._one_at_a_time = asyncio.Lock()

    def check(self, act: Act, proof: ClosureProof) -> None:
        """What can be told without the database: nothing of it enters the history."""
        with typed():
            if proof.run not in {None, self._request.run}:
                raise RunOver
            check_act(self._stand.state, act)
            self._stand.check(act, proof.task, proof.actor)

    @workflow.query(name="status")
    def status(self) -> Stand:
        return self._stand

    async def act(self, act: Act, assertion: str) -> RunState:
        """The database checks who may and records who did; then this workflow follows."""
        async with self._one_at_a_time:
            step = self._named(act.value)
            wish = ClosureAct(step.tenant, step.run, act, assertion, step.name, step.at, step.heard)
            with said():
                self._adopt(
                    await workflow.execute_activity_method(ClosureActivities.act, wish, summary=act.value, **ACT)
                )
            if act is Act.REVALIDATE or not self._stand.blockers:
                self._look_again()
        await self._call_off()
        if act is Act.REVALIDATE:
            await self._checked()
        return self._stand.state

    async def balance_changed(self) -> None:
        await self._look("suspend")

    async def reconciled(self) -> None:
        await self._look("reconciled")

    async def acknowledged(self, missing: int) -> None:
        """The database is asked once nobody is missing any more, or whoever says so does not know how many are."""
        if not missing:
            self._fences_heard = self._stand.state in {RunState.PRECHECK, RunState.FREEZING}
        elif self._stand.fences:
            self._adopt(replace(self._stand, fences=missing))

    async def _checked(self) -> None:
        """Whoever asked to look at the books hears what was found, unless that takes long or tasks are open."""
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not (self._checking or self._worth_validating()),
                timeout=ANSWER_PATIENCE, timeout_summary="until the books were looked at",
            )  # fmt: skip

    async def _look(self, what: str) -> None:
        """At the books, for what rests then or is done by the close itself; that they do not answer stops nothing."""
        try:
            await self._do(ClosureActivities.suspend, what)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the books could not be looked at")
        self._look_again()
        await self._call_off()

    def _look_again(self) -> None:
        """What was in the way may be out of it."""
        self._again = self._again or self._stand.state is RunState.REMEDIATING

    async def _do(self, effect: Any, what: str, *, only_in: RunState | None = None) -> None:
        """A step of its own name; none where somebody has moved the close elsewhere meanwhile."""
        async with self._one_at_a_time:
            if only_in is None or self._stand.state is only_in:
                self._adopt(await workflow.execute_activity_method(effect, self._named(what), summary=what, **BOOKS))

    async def _call_off(self) -> None:
        """A vote on what is no longer asked ends: the database has ended it, and its process is told to look."""
        if self._vote is not None and self._stand.state is not RunState.AWAITING_APPROVAL:
            with suppress(FailureError):  # it has ended by itself
                await self._vote.signal(CLOSED)

    async def _moved(self, before: RunState, *, until: datetime | None = None, why: str = "") -> bool:
        """Until it stands elsewhere, is to be looked at again or needs a new run; False when that takes too long."""
        left = None if until is None else max(until - workflow.now(), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: (
                    self._stand.state is not before
                    or self._worth_validating()
                    or self._heard_of_fences()
                    or self._outgrown()
                ),
                timeout=left,
                timeout_summary=why,
            )
        except TimeoutError:
            return False
        return True

    def _heard_of_fences(self) -> bool:
        return self._fences_heard and self._stand.state is RunState.FREEZING

    def _worth_validating(self) -> bool:
        """The work is done and, once something was in the way, something has happened since."""
        again = self._again or self._stand.state is RunState.TASKS
        return again and self._stand.work_done and self._stand.state in {RunState.TASKS, RunState.REMEDIATING}

    def _reminders(self) -> list[Reminder]:
        return reminders(self._stand.open_tasks, self._reminded)

    async def _remind(self) -> None:
        """Whose reminders are due by now; that one could not be written stops nothing."""
        now = workflow.now()
        due = dict.fromkeys(each.task for each in self._reminders() if each.at <= now)
        self._reminded = now
        if not due:
            return
        wish = Reminded(self._named(f"remind:{now.isoformat(timespec='minutes')}"), tuple(due))
        try:
            await workflow.execute_activity_method(ClosureActivities.remind, wish, summary="remind", **REMIND)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("a reminder could not be written")

    def _named(self, what: str) -> RunStep:
        """A step of this close, counted so that no two have one name, in whichever run."""
        self._steps += 1
        name = f"{self._steps}:{what}"
        return RunStep(self._request.tenant, self._request.run, name, workflow.now(), self._stand.revision)

    def _outgrown(self) -> bool:
        """Whether it is time for a new run, and nobody waits for an answer of this one."""
        info, most = workflow.info(), self._request.most_events
        long = info.is_continue_as_new_suggested() or 0 < most <= info.get_current_history_length()
        return long and workflow.all_handlers_finished() and not self._heard_of_fences()

    def _continue_as_new_if_long(self) -> None:
        """A close lasts for weeks, and goes on in a new run with a short history."""
        if self._outgrown():
            kept = Kept(self._stand, self._steps, self._reminded, self._attempts, self._again)
            workflow.continue_as_new(replace(self._request, kept=kept))

    def _adopt(self, stand: Stand) -> None:
        """The database has decided; this workflow only follows, and counts on where one that was lost had come."""
        self._stand, self._steps = stand.upon(self._stand), max(self._steps, stand.steps)
        search.show(stand.state.value, None, self._words())

    def _words(self) -> str:
        """What whoever opens the workflow reads: where it stands, what is still to be done, and what is in the way."""
        wish, stand = self._request, self._stand
        why = f" ({stand.why})" if stand.why else ""
        mode = wish.mode.value.replace("_", "-")
        lines = [f"**{wish.entity} {wish.period}**, {mode} close, attempt {wish.attempt}: {stand.state.value}{why}"]
        if stand.fences:
            lines.append(f"{stand.fences} modules have not acknowledged their gates")
            lines.append("\n".join(f"- {each}" for each in stand.waits))
        if stand.open_tasks:
            lines.append(f"{len(stand.open_tasks)} of {len(stand.tasks)} tasks are open:")
            lines.append("\n".join(f"- {task.words}" for task in stand.open_tasks[:MOST_SHOWN]))
        if stand.blockers:
            lines.append(f"In the way: {', '.join(stand.blockers)}")
        return "\n\n".join(lines)
