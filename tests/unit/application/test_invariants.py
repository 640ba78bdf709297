from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, invariant, multiple, rule

from domain.approvals import Answer
from domain.gates import Verdict
from domain.people import Role
from domain.rollouts import (
    EXPOSED,
    TERMINAL,
    DeadlineAction,
    Decision,
    Progress,
    State,
    Timing,
    Verb,
    decide,
    next_deadline,
)
from tests.unit.application.courses import KEYS, Course, Courses
from tests.world import OFF, PRODUCTION, at_once

PLANS = [
    {"stages": [10, {"percent": 50, "manual": True}, 100], "bake_seconds": 60},
    {
        "stages": {"generator": "exponential", "first": 10, "factor": 5},
        "bake_seconds": 60,
        "on_inconclusive": "advance",
    },
    {"stages": [{"percent": 20, "analysis_only": True}, 100], "bake_seconds": 60},
    {"strategy": "direct", "bake_seconds": 60},
    {"strategy": "blue-green", "bake_seconds": 60},
]


class Rollouts(Courses):
    """Everything that people, gates and time may do, in any order; after each of it the invariants hold."""

    courses = Bundle("courses")

    # --- people

    @rule(target=courses, key=st.sampled_from(KEYS), wanted=st.booleans(), plan=st.sampled_from(PLANS))
    def submit(self, key: str, wanted: bool, plan: Any) -> Any:  # noqa: FBT001 -- drawn by hypothesis
        return self.begun(key, plan, wanted=wanted)

    def begun(self, key: str, plan: Any, *, wanted: bool) -> Any:
        change = self.run(self.proposed(key, plan))
        submitted = change and self.run(self.world.submission.submit(self.author, change.id))
        if not submitted:
            return multiple()
        course = Course(submitted.rollout.id, key, Progress(0, self.clock()))
        self.all.append(course)
        if wanted:
            self.vote(course, {"abe", "dee"})
            self.admit(course)
        return course

    @rule(course=courses, handles=st.sets(st.sampled_from(["ada", "bob", "cyd"]), min_size=1))
    def vote(self, course: Course, handles: set[str]) -> None:
        for handle in sorted(handles):
            self.run(self.world.vote(handle, course.rollout))

    @rule(course=courses)
    def reject(self, course: Course) -> None:
        self.run(self.world.vote("abe", course.rollout, Answer.REJECT, reason="not in this state"))

    @rule(handle=st.sampled_from(["bob", "cyd", "olu"]), gone=st.booleans())
    def change_roles(self, handle: str, gone: bool) -> None:  # noqa: FBT001 -- drawn by hypothesis
        present = {"bob": Role.APPROVER, "cyd": Role.APPROVER, "olu": Role.OPERATOR}[handle]
        roles = frozenset({Role.VIEWER if gone else present})
        person = at_once(self.world.tenants.set_roles(self.world.root, handle, roles, "reorganised"))
        self.world.people[handle] = person.actor

    @rule(course=courses, verb=st.sampled_from(sorted(set(Verb) - {Verb.WITHDRAW})))
    def control(self, course: Course, verb: Verb) -> None:
        if self.run(self.world.rollouts.control(self.world.olu, course.rollout, verb, "because")) is None:
            return
        assertion = self.world.processes.controls[-1][2]
        act = self.world.act
        state = self.once(
            course, verb.value, lambda name: self.world.controlling.apply(act(course.rollout, verb, assertion, name))
        )
        if verb is Verb.PROMOTE and state is State.RUNNING:
            course.progress = course.progress.released()
            course.may_rise = True
            self.rise(course)
        elif verb is Verb.RESUME and state is State.RUNNING:
            course.progress = course.progress.released()

    @rule(key=st.sampled_from(KEYS))
    def kill(self, key: str) -> None:
        self.run(self.world.kill_switch.kill(self.world.root, PRODUCTION, key, variant="off", reason="it burns"))

    @rule(key=st.sampled_from(KEYS))
    def write_from_elsewhere(self, key: str) -> None:
        at_once(self.written_elsewhere(key, {**OFF, "metadata": {"at": self.steps}}))

    # --- time and the workflow

    @rule(course=courses)
    def admit(self, course: Course) -> None:
        self.run(self.world.state(course.rollout))
        step = self.world.step
        self.once(course, "admit", lambda name: self.world.admitting.admit(step(course.rollout, name)))
        if self.state(course) is State.RUNNING:
            course.progress = Progress(0, self.clock())
            course.may_rise = True
            self.expose(course, 0)

    @rule(
        course=courses,
        verdict=st.sampled_from([*Verdict, Verdict.PASS, Verdict.PASS]),
        passed=st.sampled_from([1, 20, 45, 60 * 26]),
        hold=st.sampled_from(["", "", "", "signal", "srm"]),
    )
    def check(self, course: Course, verdict: Verdict, passed: int, hold: str = "") -> None:
        verdict = Verdict.CONTINUE if hold else verdict
        self.clock += timedelta(minutes=passed)
        if self.state(course) not in {State.RUNNING, State.PAUSED}:
            return
        self.judge(course, verdict)
        rollout = at_once(self.world.rollout(course.rollout))
        outcome = decide(rollout.plan, course.progress, Timing(verdict, self.clock(), hold=hold))
        course.progress = outcome.progress
        by_policy = verdict is Verdict.INCONCLUSIVE and rollout.plan.on_inconclusive is DeadlineAction.ADVANCE
        course.may_rise = verdict is Verdict.PASS or by_policy
        if outcome.decision is Decision.ADVANCE:
            self.rise(course)
        elif outcome.decision is Decision.ROLL_BACK:
            self.move(course, State.ROLLING_BACK, outcome.cause)
        elif outcome.decision is Decision.HOLD:
            self.move(course, State.PAUSED, outcome.cause)
        elif outcome.decision is Decision.RELEASE:
            self.move(course, State.RUNNING, outcome.cause)

    @rule(course=courses)
    def all_goes_well(self, course: Course) -> None:
        for _ in range(3):
            self.check(course, Verdict.PASS, 1)
            self.control(course, Verb.PROMOTE)

    @rule(course=courses, stages=st.integers(0, 2))
    def goes_wrong(self, course: Course, stages: int) -> None:
        for _ in range(stages):
            self.check(course, Verdict.PASS, 1)
        self.check(course, Verdict.FAIL, 1)
        self.go_back(course)

    @rule(course=courses, stage=st.integers(0, 2))
    def expose_while_held(self, course: Course, stage: int) -> None:
        """What a workflow would do that did not hear of the pause."""
        if at_once(self.world.rollout(course.rollout)).paused_by_operator:
            self.expose(course, stage)

    @rule(course=courses)
    def go_back(self, course: Course) -> None:
        if self.state(course) is not State.ROLLING_BACK:
            return
        step = self.world.step
        state = self.once(course, "restore", lambda name: self.world.back(step(course.rollout, name)))
        if state is State.ROLLED_BACK:
            self.check_restored(course)

    @rule(course=courses, late=st.sampled_from([State.SUCCEEDED, State.RUNNING, State.ROLLING_BACK, State.CANCELLED]))
    def move_out_of_turn(self, course: Course, late: State) -> None:
        if self.state(course) in TERMINAL:
            self.move(course, late, "late")

    @rule(course=courses, which=st.integers(0, 50))
    def replay(self, course: Course, which: int) -> None:
        if course.done:
            before = self.facts()
            self.run(course.done[which % len(course.done)]())
            assert self.facts() == before

    @rule(course=consumes(courses))
    def forget(self, course: Course) -> None:
        """Its workflow is gone for good; what the database holds must be sound all the same."""

    # --- what a workflow does

    def rise(self, course: Course) -> None:
        rollout = at_once(self.world.rollout(course.rollout))
        if (rollout.stage or 0) + 1 < (rollout.stages or len(rollout.plan.stages)):
            self.expose(course, (rollout.stage or 0) + 1)
        else:
            self.move(course, State.BAKING, "all_stages_passed")
            self.move(course, State.SUCCEEDED, "completed")

    def expose(self, course: Course, stage: int) -> None:
        """I1 and I2: what rises here was allowed to, and was not held."""
        expose, step = self.world.progression.expose, self.world.step
        done = self.once(course, f"expose:{stage}", lambda name: expose(step(course.rollout, name), stage))
        if self.share(course.key) > self.seen[course.key]:
            assert course.may_rise
            assert course.progress.hold is None
            self.seen[course.key] = self.share(course.key)
        course.may_rise = False
        if done is not None:
            course.progress = Progress(stage, self.clock())

    # --- the invariants

    @invariant()
    def exposure_rises_nowhere_else(self) -> None:
        """I1."""
        for key, before in list(self.seen.items()):
            assert self.share(key) <= before
            self.seen[key] = self.share(key)

    @invariant()
    def one_target_has_one_exposed_rollout(self) -> None:
        """I3."""
        exposed = [course.key for course in self.all if self.state(course) in EXPOSED]
        assert len(exposed) == len(set(exposed))

    @invariant()
    def every_line_has_one_event(self) -> None:
        """I6."""
        for course in self.all:
            lines = at_once(self.world.timeline(course.rollout))
            events = at_once(self.world.events("rollout:state:moved", resource=str(course.rollout)))
            said = sorted((e.event["after"]["step"], e.event["after"]["cause"], _before(e.event)) for e in events)
            assert said == sorted((line.step, line.cause, line.from_state or "") for line in lines)
            for line, later in pairwise(lines):
                assert later.from_state is line.to_state

    @invariant()
    def the_end_is_the_end(self) -> None:
        """I7."""
        for course in self.all:
            state = self.state(course)
            assert course.ended in (None, state)
            course.ended = state if state in TERMINAL else None

    @invariant()
    def every_hold_has_an_end(self) -> None:
        """I8."""
        for course in self.all:
            if course.progress.hold is not None:
                assert next_deadline(at_once(self.world.rollout(course.rollout)).plan, course.progress) is not None


def _before(event: Any) -> str:
    return event["before"]["state"] if event["before"] else ""


TestRollouts = pytest.mark.req("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")(Rollouts.TestCase)
TestRollouts.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
