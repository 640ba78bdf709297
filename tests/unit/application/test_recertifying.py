"""After the window every period that it opened is closed again, the oldest first, and people hear of what is not."""

from typing import Any

import pytest

from application.closures.compensating import Compensating
from domain.closures import ReopeningState, RunState
from domain.periods import NotAdjustable
from tests.closes import MARCH, Close
from tests.reopenings import WHY, Window
from tests.world import World

APRIL, MAY = "2025-04", "2025-05"


@pytest.fixture
async def window(world: World) -> Window:
    """March, April and May were opened again, and the window is over."""
    close = await Close(world).settle()
    await close.books()
    await close.books("ledger", "GL")
    await close.closed()
    await close.open(APRIL, MAY)
    await close.gates("closed", APRIL, MAY)
    window = Window(close)
    await window.open(later="cascade", confirm_cascade=True)
    await window.over()
    return window


async def stands(window: Window) -> list[tuple[str, str]]:
    return [(each.period, each.why) for each in (await window.view()).reopening.recertified]


async def given_up(window: Window, state: RunState) -> None:
    await window.voting()
    await Compensating(window.world.store).end(window.close.step(), state, "rejected")


@pytest.mark.req("FP66", "FP68")
class TestCascade:
    async def test_is_closed_again_period_by_period_the_oldest_first(self, window: Window) -> None:
        for period in (MARCH, APRIL, MAY):
            stand = await window.certifying()
            assert (stand.state, stand.why) == (ReopeningState.SHUT, "being_certified")
            assert (await stands(window))[-1] == (period, "being_certified")
            assert await window.certifying() == stand
            await window.certified()
        stand = await window.certifying()
        assert (stand.state, stand.why) == (ReopeningState.ENDED, "certified")
        assert await stands(window) == [(MARCH, "certified"), (APRIL, "certified"), (MAY, "certified")]
        assert (await window.view()).uncertified == ()
        assert len({each.closure for each in (await window.view()).reopening.recertified}) == 3
        assert await window.certifying() == stand

    async def test_shut_by_the_guard_while_it_waits_for_its_turn(self, window: Window) -> None:
        await window.certifying()
        for period in (MARCH, APRIL, MAY):
            with pytest.raises(NotAdjustable):
                await window.post(period=period)

    async def test_a_close_that_is_rejected_leaves_the_rest_to_people(self, window: Window) -> None:
        await window.certifying()
        await window.certified()
        await window.certifying()
        await given_up(window, RunState.REJECTED)
        stand = await window.certifying()
        assert (stand.state, stand.why) == (ReopeningState.ENDED, "rejected")
        assert await stands(window) == [(MARCH, "certified"), (APRIL, "rejected"), (MAY, "earlier_uncertified")]
        assert (await window.view()).uncertified == (APRIL, MAY)
        with pytest.raises(NotAdjustable):
            await window.post(period=MAY)

    async def test_what_people_closed_meanwhile_is_passed_over(self, window: Window) -> None:
        await window.close.gates("closed", MARCH)
        stand = await window.certifying()
        assert stand.state is ReopeningState.SHUT
        assert await stands(window) == [(MARCH, "closed_again"), (APRIL, "being_certified")]

    async def test_who_asked_may_not_close_any_more(self, window: Window) -> None:
        await window.world.tenants.set_roles(window.world.root, "fin", frozenset(), WHY)
        stand = await window.certifying()
        assert (stand.state, stand.why) == (ReopeningState.ENDED, "permission_missing")
        assert [why for _, why in await stands(window)] == ["permission_missing"] + ["earlier_uncertified"] * 2


class TestEndOfAClose:
    async def test_is_told_to_the_reopening_that_waits_for_it(self, window: Window) -> None:
        await window.certifying()
        announcing = window.close.cases.announcing
        run = (await window.view()).reopening.closure
        assert run is not None
        processes: Any = window.begun
        announcing = type(announcing)(window.world.store, processes)
        await announcing.ended(window.world.tenant.id, run)
        assert window.begun.told == []
        await window.certified()
        await announcing.ended(window.world.tenant.id, run)
        assert window.begun.told == [window.id]


class TestNotices:
    async def facts(self, window: Window, template: str) -> list[dict[str, str]]:
        """One for each occasion, whoever was told."""
        notices = await window.world.notices()
        found = {each.facts.get("occasion", ""): each.facts for each in notices if each.template == template}
        return [dict(each) for each in found.values()]

    async def test_tell_that_it_opens_and_that_it_is_over(self, window: Window) -> None:
        assert await window.world.told("reopening_window") == {None, "fin", "own", "rev", "root"}
        told = await self.facts(window, "reopening_window")
        assert sorted(each["state"] for each in told) == ["open", "shut"]

    async def test_remind_before_the_end_and_not_after_it(self, world: World) -> None:
        close = await Close(world).settle()
        await close.gates("closed", MARCH)
        window = Window(close)
        await window.open()
        for _ in range(2):
            await window.cases.reminding.remind(window.step, world.clock())
        assert len(await self.facts(window, "reopening_window")) == 2
        await window.over()
        await window.cases.reminding.remind(window.step, world.clock())
        assert len(await self.facts(window, "reopening_window")) == 3

    async def test_say_what_is_left_to_people(self, window: Window) -> None:
        await window.world.tenants.set_roles(window.world.root, "fin", frozenset(), WHY)
        await window.certifying()
        (told,) = await self.facts(window, "reopening_ended")
        assert (told["outcome"], told["reason"]) == ("left", "permission missing")
        assert told["periods"] == f"{MARCH}, {APRIL}, {MAY}"

    async def test_say_that_it_is_closed_again(self, window: Window) -> None:
        for _ in range(3):
            await window.certifying()
            await window.certified()
        await window.certifying()
        (told,) = await self.facts(window, "reopening_ended")
        assert (told["outcome"], told["reason"]) == ("ended", "")

    async def test_say_that_what_was_approved_could_not_be_opened(self, world: World) -> None:
        close = await Close(world).settle()
        await close.gates("closed", MARCH)
        window = Window(close)
        asked = await window.ask()
        await window.approve(asked)
        await window.close.gates("locked", MARCH)
        await window.cases.opening.open(window.step)
        assert await world.told("reopening_ended") == {None, "fin"}
