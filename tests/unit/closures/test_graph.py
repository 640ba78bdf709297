"""What holds for every graph of tasks, and where a close lands at its pace."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closures import ClosureTask, TaskPlan, TaskState, critical_path, cycle_of, forecast, order
from tests.unit.closures.tasks import HOUR, NOON, plan, task

KEYS = [f"t{index}" for index in range(9)]


@st.composite
def acyclic(draw: st.DrawFn) -> list[TaskPlan]:
    """Tasks that wait only for earlier ones, in any order."""
    edges = [draw(st.sets(st.sampled_from(KEYS[:index]))) if index else set() for index in range(len(KEYS))]
    hours = draw(st.lists(st.integers(1, 40), min_size=len(KEYS), max_size=len(KEYS)))
    made = [
        plan(key, *sorted(before), effort_hours=Decimal(effort) / 4)
        for key, before, effort in zip(KEYS, edges, hours, strict=True)
    ]
    return draw(st.permutations(made))


any_graph = st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS), unique=True)).map(
    lambda found: {key: [each for each in before if each in found] for key, before in found.items()}
)


def every_path(plans: list[TaskPlan], key: str) -> list[Decimal]:
    """The hours of every chain that ends at this task."""
    found = next(each for each in plans if each.key == key)
    ways = [hours for before in found.after for hours in every_path(plans, before)]
    return [hours + found.effort_hours for hours in ways or [Decimal(0)]]


class TestOrder:
    @pytest.mark.req("FP50")
    @given(acyclic())
    def test_puts_each_after_all_that_it_waits_for(self, plans: list[TaskPlan]) -> None:
        found = [each.key for each in order(plans)]
        assert sorted(found) == sorted(KEYS)
        assert all(found.index(before) < found.index(each.key) for each in plans for before in each.after)
        assert cycle_of({each.key: each.after for each in plans}) == ()

    def test_keeps_what_is_free_as_it_was_given(self) -> None:
        plans = [plan("z"), plan("y", "a"), plan("x"), plan("a")]
        assert [each.key for each in order(plans)] == ["z", "x", "a", "y"]

    @pytest.mark.req("FP50")
    @given(any_graph)
    def test_a_circle_that_is_named_is_one(self, after: dict[str, list[str]]) -> None:
        found = cycle_of(after)
        plans = [plan(key, *before) for key, before in after.items()]
        if not found:
            assert len(order(plans)) == len(plans)
            return
        assert len(set(found)) == len(found)
        assert all(then in after[key] for key, then in zip(found, (*found[1:], found[0]), strict=True))
        with pytest.raises(ValueError, match="circle"):
            order(plans)


class TestCriticalPath:
    @given(acyclic())
    def test_is_a_chain_and_no_other_is_longer(self, plans: list[TaskPlan]) -> None:
        found = critical_path(plans)
        by_key = {each.key: each for each in plans}
        longest = max(hours for key in KEYS for hours in every_path(plans, key))
        assert found.hours == longest == sum(by_key[key].effort_hours for key in found.keys)
        assert all(one in by_key[then].after for one, then in zip(found.keys, found.keys[1:], strict=False))

    @given(acyclic(), st.data())
    def test_gets_no_longer_when_work_is_done(self, plans: list[TaskPlan], data: st.DataObject) -> None:
        done = frozenset(each.key for each in order(plans)[: data.draw(st.integers(0, len(KEYS)))])
        found = critical_path(plans, done)
        assert found.hours <= critical_path(plans).hours
        assert not done & set(found.keys)

    def test_of_nothing_is_empty(self) -> None:
        assert critical_path([]).keys == ()


class TestForecast:
    def tasks(self, **first: Any) -> list[ClosureTask]:
        return [
            replace(task("bank", effort_hours=Decimal(4)), **first),
            task("accruals", effort_hours=Decimal(1)),
            task("report", "bank", "accruals", effort_hours=Decimal(2)),
        ]

    def test_is_at_the_planned_pace_while_nothing_is_done(self) -> None:
        found = forecast(self.tasks(), NOON, NOON + HOUR)
        assert (found.remaining.keys, found.blocker) == (("bank", "report"), "bank")
        assert found.lands_at == NOON + HOUR + timedelta(hours=18)

    def test_goes_on_at_the_pace_so_far(self) -> None:
        """Three of six hours on the critical path took eight of the clock: so do the other three."""
        found = forecast(self.tasks(state=TaskState.DONE), NOON, NOON + 8 * HOUR)
        assert found.pace == Fraction(3, 8)
        assert (found.remaining.keys, found.blocker) == (("accruals", "report"), "accruals")
        assert found.lands_at == NOON + 16 * HOUR

    def test_has_landed_when_all_is_done(self) -> None:
        done = [replace(each, state=TaskState.DONE) for each in self.tasks()]
        found = forecast(done, NOON, NOON + HOUR)
        assert (found.lands_at, found.blocker) == (NOON + HOUR, None)
