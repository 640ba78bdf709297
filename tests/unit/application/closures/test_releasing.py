"""While a period is closed, what is about money waits for the end of it, or for the close to let it through."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.holidays.listed import ListedHolidays
from application.calendars.cases import CalendarCases
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.gating import CheckWish
from application.locking.turns import Turns
from application.settings.wishes import Order, Wish
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.closures import FinancialChangeHeld, RunOver, RunState, SodViolation
from domain.errors import Missing
from domain.gates import StageClock
from domain.people import PermissionMissing
from domain.rollouts import State
from domain.settings import EntryState, Scope
from tests.closes import ENTITY, MARCH, WHY, Close
from tests.world import OFF, ON, PRODUCTION, STAGING, World

FINANCIAL = {"metadata": {"financial": True}}
TODAY = "2026-03"


async def called(world: World) -> list[UUID]:
    world.processes.turns.clear()
    await Turns(world.store, world.processes).call()
    return list(world.processes.turns)


async def approved(close: Close, content: Json = None, **given: Any) -> Any:
    return await close.world.approved(content=content or {**ON, **FINANCIAL}, **given)


async def release(close: Close, handle: str, change: UUID) -> None:
    await close.cases.releasing.release(close.world.people[handle], close.run_id, change, WHY)


async def admitted(close: Close, rollout: UUID) -> Any:
    return await close.world.admit(rollout, f"admit:{uuid4()}")


async def today(close: Close) -> None:
    """The month of the clock is open, too."""
    making = CalendarCases.over(close.world.store, ListedHolidays()).making
    await making.make(close.world.root, Place("books"), 2026, YearWish(), WHY)
    await close.open(TODAY)


@pytest.mark.req("FR-SM-023")
class TestFinancialChanges:
    async def test_wait_while_a_period_is_closed_and_go_on_by_themselves(self, close: Close) -> None:
        rollout = (await approved(close)).rollout.id
        await close.frozen()
        admission = await admitted(close, rollout)
        assert (admission.state, admission.why) == (State.BLOCKED, f"period_close:{ENTITY}/{MARCH}:{close.run_id}")
        assert (await close.world.rollout(rollout)).cause == admission.why
        assert await called(close.world) == []
        await close.cases.validating.validate(close.step())
        await close.vote(await close.cases.validating.ask(close.step()))
        await close.cases.closing.close(close.step())
        assert await called(close.world) == [rollout]
        assert (await admitted(close, rollout)).state is State.RUNNING

    async def test_start_while_a_close_has_frozen_nothing(self, close: Close) -> None:
        await close.ask()
        rollout = (await approved(close)).rollout.id
        assert (await admitted(close, rollout)).state is State.RUNNING

    async def test_wait_while_the_period_of_today_is_held_back(self, close: Close) -> None:
        await today(close)
        rollout = (await approved(close)).rollout.id
        await close.gates("soft_closed", TODAY, scopes=("AP",))
        admission = await admitted(close, rollout)
        assert (admission.state, admission.why) == (State.BLOCKED, f"period_held_back:{ENTITY}/{TODAY}")
        close.world.clock += timedelta(days=31)
        assert await called(close.world) == [rollout]
        assert (await admitted(close, rollout)).state is not State.BLOCKED

    async def test_do_not_wait_for_another_period_that_is_held_back(self, close: Close) -> None:
        await today(close)
        await close.gates("soft_closed", MARCH)
        rollout = (await approved(close)).rollout.id
        assert (await admitted(close, rollout)).state is State.RUNNING

    @pytest.mark.parametrize("given", [{"content": ON}, {"content": {**ON, "metadata": {"financial": False}}}])
    async def test_are_the_only_ones_that_wait(self, close: Close, given: Json) -> None:
        rollout = (await approved(close, **given)).rollout.id
        await close.frozen()
        assert (await admitted(close, rollout)).state is State.RUNNING

    @pytest.mark.parametrize("said", [{"financial": True}, {"tags": ["financial"]}, {}])
    async def test_are_of_settings_that_say_so(self, close: Close, said: Json) -> None:
        world, known = close.world, {"key": "vat.rate", "type": "integer", "default": 19, "scopes": ["tenant"]}
        await world.setting.definitions.create(world.ada, {**known, **said}, WHY)
        order = Order(PRODUCTION, (Wish("vat.rate", Scope(), EntryState.SET, 16),), WHY)
        submitted = (await world.setting.writes.write(world.ada, order)).submitted
        assert submitted is not None
        for handle in ("bob", "cyd"):
            await world.vote(handle, submitted.approval.id)
        await close.frozen()
        expected = State.BLOCKED if said else State.RUNNING
        assert (await admitted(close, submitted.rollout.id)).state is expected

    async def test_are_financial_also_when_they_say_so_no_longer(self, close: Close) -> None:
        await close.world.put({**OFF, **FINANCIAL})
        rollout = (await approved(close, ON)).rollout.id
        await close.frozen()
        assert (await admitted(close, rollout)).state is State.BLOCKED

    async def test_wait_in_production_alone(self, close: Close) -> None:
        await close.world.put(environment=STAGING)
        rollout = (await close.world.submit(content={**ON, **FINANCIAL}, environment=STAGING)).rollout
        await close.world.vote("bob", rollout.id)
        await close.frozen()
        assert (await admitted(close, rollout.id)).state is State.RUNNING

    async def test_that_take_another_back_start(self, close: Close) -> None:
        back = (await approved(close, reverts=UUID(int=7))).rollout.id
        await close.frozen()
        assert (await admitted(close, back)).state is State.RUNNING

    async def test_that_would_start_at_once_and_not_wait_are_refused(self, close: Close) -> None:
        await close.world.policy(ApprovalPolicy())
        await close.frozen()
        with pytest.raises(FinancialChangeHeld) as refused:
            await close.world.submit(content={**ON, **FINANCIAL}, plan={"on_conflict": "reject"})
        run = str(close.run_id)
        assert refused.value.facts == {"entity": ENTITY, "period": MARCH, "run": run, "scopes": ["AP", "GL"]}

    async def test_under_way_go_no_further(self, close: Close) -> None:
        world = close.world
        rollout = await world.running(content={**ON, **FINANCIAL})
        check = CheckWish(world.tenant.id, rollout, 1, world.clock(), StageClock(0, 0.0, 600.0))
        await close.frozen()
        assert (await world.gating.check(check)).hold == "frozen"
        await release(close, "fin", rollout)
        assert (await world.gating.check(check)).hold == ""


@pytest.mark.req("FR-SM-023")
class TestReleasing:
    async def test_lets_one_change_through_during_this_close(self, close: Close) -> None:
        rollout = (await approved(close)).rollout.id
        await close.frozen()
        assert (await admitted(close, rollout)).state is State.BLOCKED
        await release(close, "fin", rollout)
        assert await called(close.world) == [rollout]
        assert (await admitted(close, rollout)).state is State.RUNNING
        other = (await approved(close, key="vat")).rollout.id
        assert (await admitted(close, other)).state is State.BLOCKED

    async def test_is_in_both_trails_once(self, close: Close) -> None:
        rollout = (await approved(close)).rollout.id
        await close.frozen()
        for _ in range(2):
            await release(close, "fin", rollout)
        (event,) = await close.world.events("closure:change:released", change=rollout)
        assert (event.event["reason"], event.event["after"]["period"]) == (WHY, MARCH)
        assert (await close.timeline()).count("TASKS: released") == 1

    async def test_ends_with_its_close(self, close: Close) -> None:
        rollout = (await approved(close)).rollout.id
        await close.frozen()
        await release(close, "fin", rollout)
        await close.cases.compensating.end(close.step(), RunState.ABORTED, "aborted")
        await close.frozen()
        assert (await admitted(close, rollout)).state is State.BLOCKED

    async def test_is_for_somebody_else_who_closes_periods(self, close: Close) -> None:
        change = (await approved(close, actor=close.world.ada)).rollout.id
        mine = (await approved(close, actor=close.world.root, key="vat")).rollout.id
        await close.frozen()
        with pytest.raises(PermissionMissing):
            await release(close, "bob", change)
        with pytest.raises(SodViolation):
            await release(close, "root", mine)
        with pytest.raises(Missing):
            await release(close, "fin", uuid4())

    async def test_is_refused_once_the_close_is_over(self, close: Close) -> None:
        change = (await approved(close)).rollout.id
        await close.closed()
        with pytest.raises(RunOver):
            await release(close, "fin", change)
