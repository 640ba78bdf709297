"""What is prepared is served to nobody before its smoke tests say yes; then everybody is switched in one write."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.metrics import Traffic, constant
from application.evaluation import Shelf
from application.ports.records import StoredFlag
from application.previewing import Previewing
from application.progression import Progression, Step
from domain.audit import Action
from domain.gates import Verdict
from domain.people.acts import AssertionForged
from domain.rollouts import GateNotPassed, NotRunning, State, Verb
from tests.receiving import Receiver, receiving
from tests.workflow.theatre import CLASSIC, EXPRESS, PRODUCTION, Theatre, now, seen


@pytest_asyncio.fixture
async def smoke() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def plan(*urls: str, **terms: Any) -> dict[str, Any]:
    bake = terms.pop("bake_seconds", 0)
    return {
        "strategy": "blue-green", "bake_seconds": bake, "late_grace_seconds": 0,
        "blue_green": {"smoke": list(urls), **terms},
    }  # fmt: skip


async def begun(stage: Theatre, *urls: str, **terms: Any) -> UUID:
    await stage.policy()
    return await stage.submit(plan=plan(*urls, **terms))


async def versions(stage: Theatre) -> list[StoredFlag]:
    async with stage.store.transaction(stage.house.id) as tx:
        return await tx.flags.versions(PRODUCTION, "checkout", 1000, 100)


async def shelf(stage: Theatre) -> Shelf:
    async with stage.store.transaction(stage.house.id) as tx:
        return Shelf.of(await tx.flags.flag_set(PRODUCTION), lambda: 0.0)


class TestPreGate:
    @pytest.mark.req("FR-CFG-006")
    async def test_whoever_passes_is_switched_to_in_one_write(self, stage: Theatre, smoke: Receiver) -> None:
        change = await begun(stage, smoke.url, f"{smoke.url}?second")
        assert await stage.end(change) is State.SUCCEEDED
        assert [each.definition for each in await versions(stage)] == [EXPRESS, CLASSIC]
        assert len(smoke.taken) == 2
        assert await stage.percents(change) == [0, 100]

    @pytest.mark.req("S62")
    async def test_one_no_discards_it_and_nobody_was_served(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.status = 500
        change = await begun(stage, smoke.url)
        assert await stage.end(change) is State.CANCELLED
        assert (await stage.rollout(change)).cause == "pre_gate_failed"
        assert len(smoke.taken) == 3
        assert [each.definition for each in await versions(stage)] == [CLASSIC]
        assert set(await stage.percents(change)) == {0}
        tested = await stage.audited(Action.SMOKE_TESTED, change)
        assert [each["after"]["verdict"] for each in tested] == [Verdict.FAIL.value] * 3

    @pytest.mark.req("S63")
    async def test_whoever_does_not_answer_in_time_is_an_error(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.held.clear()
        change = await begun(stage, smoke.url, smoke_limit_seconds=2)
        assert await stage.end(change) is State.CANCELLED
        assert (await stage.rollout(change)).cause == "pre_gate_error"
        assert [each.definition for each in await versions(stage)] == [CLASSIC]
        smoke.held.set()

    @pytest.mark.req("S62", "S74")
    async def test_abort_does_not_wait_for_it(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.held.clear()
        change = await begun(stage, smoke.url)
        await seen(lambda: stage.doing(change, "rollout.smoke"))
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.CANCELLED
        assert await stage.served() == CLASSIC
        smoke.held.set()

    @pytest.mark.req("S62", "I1")
    async def test_nothing_is_switched_past_it(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.held.clear()
        change = await begun(stage, smoke.url)
        await seen(lambda: stage.doing(change, "rollout.smoke"))
        with pytest.raises(GateNotPassed):
            await Progression(stage.store).expose(Step(change, stage.house.id, "zombie", now()), 0)
        smoke.held.set()
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.RESUME])
    async def test_a_person_switches_where_the_plan_says_so(self, stage: Theatre, verb: Verb) -> None:
        change = await begun(stage, manual_switch=True)
        await stage.until(change, State.PAUSED)
        assert await stage.served() == CLASSIC
        await stage.act(stage.house.root, change, verb)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.served() == EXPRESS

    @pytest.mark.req("I8")
    async def test_whom_nobody_switches_ends_where_it_began(self, stage: Theatre) -> None:
        change = await begun(stage, manual_switch=True)
        await stage.until(change, State.PAUSED)
        await stage.skip(change, hours=25)
        assert await stage.end(change) is State.CANCELLED
        assert await stage.served() == CLASSIC


class TestPostGate:
    @pytest.mark.req("S65", "I5")
    async def test_fail_switches_back(self, stage: Theatre) -> None:
        stage.metrics.drive("express", Traffic(constant(100), constant(0.9)))
        change = await begun(stage, bake_seconds=900)
        await stage.until(change, State.BAKING)
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC
        assert [each.origin.partition(":")[0] for each in await versions(stage)] == ["rollback_of", "rollout", "test"]


class TestPreview:
    async def test_shows_what_is_prepared_to_its_holder_only(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.held.clear()
        change = await begun(stage, smoke.url)
        await seen(lambda: _asked(smoke))
        served, token = await shelf(stage), smoke.taken[0][0]["changegate-preview"]
        previewing = Previewing(stage.store, stage.assertions, stage.time)
        green = await previewing.flags(stage.house.id, PRODUCTION, token, served)
        assert (served.flags.evaluate("checkout", {}).variant, green.evaluate("checkout", {}).variant) == (
            "classic", "express",
        )  # fmt: skip
        smoke.held.set()
        assert await stage.end(change) is State.SUCCEEDED
        with pytest.raises(NotRunning):
            await previewing.flags(stage.house.id, PRODUCTION, token, served)

    async def test_other_proofs_are_no_preview(self, stage: Theatre, smoke: Receiver) -> None:
        smoke.held.clear()
        change = await begun(stage, smoke.url)
        await seen(lambda: stage.doing(change, "rollout.smoke"))
        previewing = Previewing(stage.store, stage.assertions, stage.time)
        other = await stage.acting.sign(stage.house.olu, Verb.ABORT.value, change, {"reason": "because"})
        for token in (other, "forged"):
            with pytest.raises(AssertionForged):
                await previewing.flags(stage.house.id, PRODUCTION, token, await shelf(stage))
        issued = await previewing.issue(stage.house.eve, change)
        green = await previewing.flags(stage.house.id, PRODUCTION, issued.token, await shelf(stage))
        assert green.evaluate("checkout", {}).variant == "express"
        smoke.held.set()
        assert await stage.end(change) is State.SUCCEEDED
        assert len(await stage.audited(Action.PREVIEW_ISSUED, change)) == 1


async def _asked(smoke: Receiver) -> bool:
    await asyncio.sleep(0)
    return bool(smoke.taken)
