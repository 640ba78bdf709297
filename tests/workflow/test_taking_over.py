"""Who supersedes a rollout over tenants goes on over the same ones, or begins anew once these are as they were."""

from typing import Any
from uuid import UUID

import pytest

from application.drafts.wanted import Wanted
from domain.canonical import Json
from domain.changes import Kind
from domain.rollouts import State, Verb
from domain.rollouts.parts import PartState
from domain.tenants import Tier
from tests.workflow.estates import Estate, estate, rolling
from tests.workflow.theatre import BRISK, EXPRESS, Theatre, plan, seen
from tests.workflow.waits import called

TURBO: Json = {**EXPRESS, "variants": {"classic": "c", "express": "e", "turbo": "t"}, "defaultVariant": "turbo"}
SUPERSEDES = {"on_conflict": "supersede"}
TAKES_OVER = {**SUPERSEDES, "takeover": "take_over"}
ALL: Json = {"all": True}


def growing(below: Estate, *first: str, **more: Any) -> dict[str, Any]:
    """These come first, then everybody."""
    audience = {"mode": "tenant", "include": [below.slugs[name] for name in first]}
    return {**plan(50, 100), "audience": audience, **more}


async def four(stage: Theatre) -> Estate:
    below = await estate(stage, **dict.fromkeys("abcd", Tier.FREE))
    below.drive()
    return below


async def shown(below: Estate, **served: str) -> None:
    """Whoever is not named is served what was there before."""
    expected = {**dict.fromkeys(below.tenants, "classic"), **served}

    async def reached() -> bool:
        return await below.served() == expected

    await seen(reached)


async def superseding(below: Estate, plan: dict[str, Any], tenants: Json = ALL, gates: Json = BRISK) -> UUID:
    """A newer change over what the tenants have."""
    target = Wanted(Kind.FLAG, "checkout", TURBO, None, "/targets/0")
    wishes = {"content": None, "base_version": 0, "gates": gates, "tenants": tenants}
    return await below.stage.submit("", plan=plan, targets=(target,), **wishes)


class TestTakesOver:
    @pytest.mark.req("S83", "I5")
    async def test_goes_on_over_the_same_tenants_judged_anew_and_back_to_before_either(self, stage: Theatre) -> None:
        below = await four(stage)
        old = await below.submit(growing(below, "a", "b"), gates=BRISK)
        await shown(below, a="express", b="express")
        await stage.skip(old, minutes=2)
        assert await stage.evidence(old) != []
        newer = await superseding(below, growing(below, "a", "b", **TAKES_OVER))
        await shown(below, a="turbo", b="turbo")
        assert await stage.evidence(newer) == []
        assert await stage.end(old) is State.SUPERSEDED
        assert {part.state for part in await below.parts(old)} == {PartState.ACCEPTED, PartState.PENDING}
        await stage.act(stage.house.olu, newer, Verb.ABORT)
        assert await stage.end(newer) is State.ROLLED_BACK
        await shown(below)

    @pytest.mark.req("S83", "S82", "I5")
    async def test_but_where_it_is_for_fewer_of_them_nobody_is_left_with_what_nobody_takes_back(
        self, stage: Theatre
    ) -> None:
        below = await four(stage)
        old = await below.submit(growing(below, "a", "b"), gates=BRISK)
        await shown(below, a="express", b="express")
        fewer = {"slugs": [below.slugs["a"], below.slugs["c"]]}
        newer = await superseding(below, growing(below, "a", "b", **TAKES_OVER), fewer)
        await called(stage, newer, State.RUNNING)
        assert await stage.end(old) is State.SUPERSEDED
        await shown(below, a="turbo")
        assert {part.state for part in await below.parts(old)} == {PartState.RESTORED, PartState.PENDING}

    @pytest.mark.req("S83", "S82")
    async def test_nor_where_its_batches_are_others(self, stage: Theatre) -> None:
        below = await four(stage)
        old = await below.submit(rolling(pause=600))
        await shown(below, a="express")
        await stage.skip(old, minutes=21)
        await shown(below, a="express", b="express", c="express")
        newer = await superseding(below, rolling(2, pause=600, **TAKES_OVER), gates=None)
        await called(stage, newer, State.RUNNING)
        assert await stage.end(old) is State.SUPERSEDED
        await shown(below, a="turbo", b="turbo")
        await stage.skip(newer, minutes=30)
        assert await stage.end(newer) is State.SUCCEEDED
        await shown(below, **dict.fromkeys("abcd", "turbo"))


class TestComesAfter:
    @pytest.mark.req("S82", "I5")
    async def test_everybody_has_what_was_stable_before_the_newer_one_begins(self, stage: Theatre) -> None:
        below = await four(stage)
        old = await below.submit(growing(below, "a", "b"), gates=BRISK)
        await shown(below, a="express", b="express")
        newer = await superseding(below, growing(below, "c", "d", **SUPERSEDES))
        await stage.until(newer, State.QUEUED)
        begun = await called(stage, newer, State.RUNNING)
        assert begun.stage == 0
        assert await stage.end(old) is State.SUPERSEDED
        await shown(below, c="turbo", d="turbo")
        below.drive("c", "d", errors=0.6)
        await stage.skip(newer, hours=1)
        assert await stage.end(newer) is State.ROLLED_BACK
        await shown(below)
        assert {part.state for part in await below.parts(newer)} == {PartState.RESTORED, PartState.PENDING}
