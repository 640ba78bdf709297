from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environments import Environment
from domain.rollouts import DUE, TERMINAL, State, Transition, default_plan
from domain.rollouts.decisions import HoldReason
from domain.rollouts.lasting import Spans, deadline_of, held_for, spans

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLAN = default_plan(Environment.PRODUCTION)


def line(minute: float, state: State, cause: str = "because", stage: int | None = None) -> Transition:
    at = START + minute * MINUTE
    return Transition(UUID(int=1), int(minute) + 1, f"s{minute}", None, state, cause, at, None, stage)


STORY = [
    line(0, State.AWAITING_APPROVAL),
    line(10, State.SCHEDULED),
    line(11, State.RUNNING, stage=0),
    line(31, State.PAUSED, "no_data", 0),
    line(36, State.RUNNING, "counts_are_back", 0),
    line(40, State.PAUSED, "manual_gate", 0),
    line(47, State.ROLLING_BACK),
    line(48, State.ROLLED_BACK),
]


class TestSpans:
    def test_people_and_blindness_are_kept_apart_from_progress(self) -> None:
        assert spans(STORY, START + 90 * MINUTE) == Spans(26 * MINUTE, 17 * MINUTE, 5 * MINUTE)

    def test_the_moment_that_people_named_is_waited_for_by_people(self) -> None:
        story = [line(0, State.SCHEDULED, DUE), line(30, State.QUEUED, "its_turn")]
        assert spans(story, START + 31 * MINUTE) == Spans(MINUTE, 30 * MINUTE)

    def test_what_has_not_ended_lasts_until_now(self) -> None:
        assert spans(STORY[:4], START + 34 * MINUTE).blind == 3 * MINUTE

    def test_nothing_lasts_no_time(self) -> None:
        assert spans([], START).total == timedelta(0)

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 10_000), st.sampled_from(sorted(State)),
                st.sampled_from([*HoldReason, "pause_by_operator", "gate_failed"]),
            ),
            min_size=1,
        ),
        st.integers(0, 10_000),
    )  # fmt: skip
    def test_the_parts_are_the_whole(self, steps: list[tuple[int, State, str]], more: int) -> None:
        minute, lines = 0, []
        for passed, state, cause in steps:
            minute += passed
            lines.append(line(minute, state, cause))
            if state in TERMINAL:
                break
        found = spans(lines, lines[-1].at + more * MINUTE)
        end = lines[-1].at if lines[-1].to_state in TERMINAL else lines[-1].at + more * MINUTE
        assert found.total == end - START - timedelta(minutes=steps[0][0])
        assert min(found.progression, found.manual_wait, found.blind) >= timedelta(0)


class TestHolds:
    @pytest.mark.parametrize("reason", HoldReason)
    def test_each_says_why_and_until_when(self, reason: HoldReason) -> None:
        cause = "pause_by_operator" if reason is HoldReason.OPERATOR else reason.value
        held = line(0, State.PAUSED, cause, 0)
        assert held_for(held) is reason
        deadline = deadline_of(PLAN, held)
        assert deadline is not None
        assert deadline > START

    def test_what_runs_has_no_deadline(self) -> None:
        assert deadline_of(PLAN, line(0, State.RUNNING)) is None
