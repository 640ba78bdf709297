"""A canary over tenants grows from cohort to cohort, each tenant judged against its own past, and goes back whole."""

from typing import Any
from uuid import UUID

import pytest

from domain.gates import Verdict
from domain.locks import WhileRunning
from domain.rollouts import State, Verb
from domain.rollouts.parts import PartState
from domain.tenants import Tier
from tests.workflow.estates import Estate, estate
from tests.workflow.theatre import BRISK, Theatre, plan, seen
from tests.workflow.waits import frozen

SMALL = ("a", "b", "c", "d")


def growing(*percents: float, **waits: Any) -> dict[str, Any]:
    """Over whole tenants, ten minutes at least in each stage."""
    return {**plan(*percents, soak=600), "audience": {"mode": "tenant"}, **waits}


async def street(stage: Theatre) -> Estate:
    """Four small tenants and a large one, with traffic for which each has a past."""
    below = await estate(stage, **dict.fromkeys(SMALL, Tier.FREE), big=Tier.ENTERPRISE)
    below.drive()
    return below


async def new_at(below: Estate, many: int) -> set[str]:
    """Who is served what is new, once it is so many."""

    async def reached() -> set[str]:
        found = {name for name, variant in (await below.served()).items() if variant == "express"}
        return found if len(found) == many else set()

    found: set[str] = await seen(reached)
    return found


async def begun(below: Estate, *percents: float, **waits: Any) -> tuple[UUID, set[str]]:
    """Its first tenant is served."""
    change = await below.submit(growing(*percents, **waits), gates=BRISK)
    await below.stage.until(change, State.RUNNING)
    return change, await new_at(below, 1)


class TestRises:
    @pytest.mark.req("S42", "S43", "I1")
    async def test_over_who_was_served_before_and_the_large_one_comes_last(self, stage: Theatre) -> None:
        below = await street(stage)
        change, first = await begun(below, 20, 60, 100)
        await stage.skip(change, minutes=16)
        second = await new_at(below, 3)
        assert first < second
        assert "big" not in second
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert await new_at(below, 5) == set(below.tenants)
        assert await stage.percents(change) == [0, 20, 60, 100]
        assert {check.stage for check in await stage.evidence(change)} == {0, 1}

    @pytest.mark.req("S30")
    async def test_although_a_tenant_in_it_always_fails_more_often_than_the_others(self, stage: Theatre) -> None:
        below = await street(stage)
        below.drive("a", errors=0.2)
        asked = {"mode": "tenant", "include": [below.slugs["a"]]}
        change, first = await begun(below, 20, 100, audience=asked)
        assert first == {"a"}
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED


class TestGoesBack:
    @pytest.mark.req("I5", "S42")
    async def test_where_its_cohort_gets_worse_and_nobody_else_was_touched(self, stage: Theatre) -> None:
        below = await street(stage)
        change, first = await begun(below, 20, 60, 100)
        below.drive(*first, errors=0.6)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "gate_failed"
        assert [check.verdict for check in await stage.evidence(change)][-1] is Verdict.FAIL
        assert set((await below.served()).values()) == {"classic"}
        parts = await below.parts(change)
        touched = {part.slug for part in parts if part.state is not PartState.PENDING}
        assert touched == {below.slugs[name] for name in first}
        again, same = await begun(below, 20, 60, 100)
        assert same == first
        await stage.act(stage.house.olu, again, Verb.ABORT)
        assert await stage.end(again) is State.ROLLED_BACK

    @pytest.mark.req("S88", "I2", "I5")
    async def test_whole_when_it_is_aborted_in_a_freeze_that_held_it(self, stage: Theatre) -> None:
        below = await street(stage)
        change, _ = await begun(below, 20, 60, 100)
        await stage.skip(change, minutes=16)
        second = await new_at(below, 3)
        await frozen(stage, WhileRunning.PAUSE)
        await stage.skip(change, hours=1)
        held = await stage.until(change, State.PAUSED)
        assert (held.cause, held.percent) == ("frozen", 60)
        assert await new_at(below, 3) == second
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK
        assert set((await below.served()).values()) == {"classic"}
