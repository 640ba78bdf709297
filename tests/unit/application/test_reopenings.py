"""A closed period is opened for a reason and for a while, others say yes, and it is certified anew."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from application.closures.starting import RunningClose
from application.reopenings.asking import AskWish
from domain.closures import (
    CascadeUnconfirmed,
    ClosureRun,
    Entry,
    LaterClosed,
    Mode,
    ReopeningOver,
    ReopeningRunning,
    ReopeningState,
    RunState,
)
from domain.errors import Forbidden, Invalid, Refusal
from domain.periods import NotAdjustable, Operation, PeriodClosed, PeriodLocked, PeriodPending, TransitionRefused
from tests.closes import ENTITY, MARCH, Close
from tests.reopenings import WHY, Window
from tests.world import World

APRIL, MAY = "2025-04", "2025-05"


@pytest.fixture
async def window(world: World) -> Window:
    """March was closed by a run, with two entries of payables."""
    close = await Close(world).settle()
    await close.books()
    await close.books("ledger", "GL")
    await close.closed()
    return Window(close)


async def closed(window: Window, *periods: str) -> None:
    await window.close.open(*periods)
    await window.close.gates("closed", *periods)


async def refused(window: Window, kind: type[Refusal], **given: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        await window.ask(**given)
    return caught.value


@pytest.mark.req("FP65")
class TestAsking:
    async def test_reason_justification_and_an_end_within_90_days_are_needed(self, window: Window) -> None:
        later = window.world.clock() + timedelta(days=91)
        for raw, path in (
            ({"reason": "because"}, "/reason"),
            ({"justification": "too short"}, "/justification"),
            ({"reason": "regulatory", "reopen_until": None}, "/reopen_until"),
            ({"reopen_until": later.isoformat()}, "/reopen_until"),
            ({"most_entries": 0}, "/most_entries"),
        ):
            refusal = await refused(window, Invalid, **raw)
            assert isinstance(refusal, Invalid)
            assert [fault.path for fault in refusal.faults] == [path]

    async def test_who_may_not_close_may_not_ask(self, window: Window) -> None:
        await refused(window, Forbidden, handle="eve")

    async def test_asked_twice_is_asked_once_and_a_second_window_is_refused(self, window: Window) -> None:
        first = await window.ask()
        assert window.begun.reopenings == [first.id]
        again = AskWish(first.id, ENTITY, MARCH, {})
        assert await window.cases.asking.ask(window.world.fin, again) == first
        await refused(window, ReopeningRunning)

    async def test_who_asks_does_not_vote(self, window: Window) -> None:
        asked = await window.ask()
        with pytest.raises(Refusal):
            await window.world.vote("fin", asked.approval)

    async def test_what_is_not_closed_is_not_reopened(self, window: Window) -> None:
        await refused(window, PeriodPending, period=APRIL)
        await window.close.open(APRIL)
        await refused(window, TransitionRefused, period=APRIL)


@pytest.mark.req("FP66")
class TestLaterPeriods:
    async def test_block_lists_those_that_are_closed(self, window: Window) -> None:
        await closed(window, APRIL)
        refusal = await refused(window, LaterClosed, later="block")
        assert refusal.facts["periods"] == [APRIL]

    async def test_isolated_they_stay_closed_and_are_not_certified_any_more(self, window: Window) -> None:
        await closed(window, APRIL)
        stand = await window.open()
        assert stand.state is ReopeningState.OPEN
        assert await window.close.stands() == {"AP": "open/adjust_only@4", "GL": "open/adjust_only@4"}
        assert await window.close.stands(APRIL) == {"AP": "closed/none@2", "GL": "closed/none@2"}
        assert (await window.view()).uncertified == (MARCH, APRIL)

    async def test_a_cascade_is_confirmed_and_goes_from_the_newest_to_the_oldest(self, window: Window) -> None:
        await closed(window, APRIL, MAY)
        refusal = await refused(window, CascadeUnconfirmed, later="cascade")
        assert refusal.facts["periods"] == [MAY, APRIL]
        await window.open(later="cascade", confirm_cascade=True)
        events = await window.world.events("period:gate:reopened")
        assert [row.event["resource"].removeprefix("period_gate/") for row in events] == [
            f"{ENTITY}/{period}/{scope}" for period in (MAY, APRIL, MARCH) for scope in ("AP", "GL")
        ]
        await window.over()
        assert await window.close.stands(MAY) == {"AP": "open/none@4", "GL": "open/none@4"}

    async def test_what_was_closed_since_is_not_reopened_unseen(self, window: Window) -> None:
        asked = await window.ask(later="cascade", confirm_cascade=True)
        await closed(window, APRIL)
        await window.approve(asked)
        stand = await window.cases.opening.open(window.step)
        assert (stand.state, stand.why) == (ReopeningState.FAILED_OPERATOR, "later_periods_closed")
        assert await window.close.stands() == {"AP": "closed/none@3", "GL": "closed/none@3"}


@pytest.mark.req("FP67")
class TestLocked:
    async def test_a_locked_period_stays_locked(self, window: Window) -> None:
        await window.close.gates("locked", MARCH)
        await refused(window, PeriodLocked)


@pytest.mark.req("FP68")
class TestWindow:
    async def test_adjustments_enter_until_its_end_whoever_shuts_it(self, window: Window) -> None:
        with pytest.raises(PeriodClosed):
            await window.post()
        await window.open()
        window.world.clock += timedelta(days=1, seconds=-1)
        await window.post()
        window.world.clock += timedelta(seconds=2)
        with pytest.raises(NotAdjustable):
            await window.post()

    async def test_unlocked_by_hand_it_still_ends(self, window: Window) -> None:
        await window.open()
        await window.close.gates("opened", MARCH)
        await window.post(operation=Operation.TRANSACTION)
        window.world.clock += timedelta(days=1, seconds=1)
        with pytest.raises(NotAdjustable):
            await window.post(operation=Operation.TRANSACTION)

    async def test_at_its_end_the_gates_are_shut_once(self, window: Window) -> None:
        await window.open()
        assert (await window.cases.shutting.due(window.step)).state is ReopeningState.OPEN
        for _ in range(2):
            assert (await window.over()).state is ReopeningState.SHUT
        assert await window.close.stands() == {"AP": "open/none@5", "GL": "open/none@5"}

    async def test_somebody_may_shut_it_sooner(self, window: Window) -> None:
        await window.open()
        await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        assert window.begun.told == [window.id]
        with pytest.raises(NotAdjustable):
            await window.post()
        with pytest.raises(ReopeningOver):
            await window.cases.shutting.shut(window.world.fin, window.id, WHY)

    async def test_before_it_opens_it_may_be_withdrawn(self, window: Window) -> None:
        asked = await window.ask()
        view = await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        assert view.reopening.state is ReopeningState.ABORTED
        assert window.begun.called_off == [asked.approval]
        await window.ask()

    async def test_one_that_is_approved_after_its_end_opens_nothing(self, window: Window) -> None:
        asked = await window.ask()
        await window.approve(asked)
        window.world.clock += timedelta(days=2)
        stand = await window.cases.opening.open(window.step)
        assert (stand.state, stand.why) == (ReopeningState.FAILED_OPERATOR, "window_missed")


@pytest.mark.req("FP68")
class TestCertifyingAnew:
    async def test_the_next_certificate_says_what_was_posted_since(self, window: Window) -> None:
        await window.open()
        late = Entry("bill-9", date(2025, 3, 28), {"USD": Decimal("7.50"), "EUR": Decimal(3)})
        await window.close.books(entries=3, posted=tuple((mark, late) for mark in "123"))
        await window.over()
        stand = await window.cases.recertifying.recertify(window.step)
        assert (stand.state, stand.why) == (ReopeningState.SHUT, "being_certified")
        await window.certified()
        place = await window.close.place()
        async with window.close.transaction() as tx:
            first, second = await tx.closures.certificates(ENTITY, place.id)
        assert second.previous == first.digest
        assert [(each["module"], each["entries"]) for each in second.delta] == [("payables", 1)]
        amounts = [{"currency": "EUR", "amount": "3"}, {"currency": "USD", "amount": "7.5"}]
        told = {"id": "bill-9", "date": "2025-03-28", "amounts": amounts}
        assert second.delta[0]["posted"] == {"count": 1, "entries": [told]}
        assert (await window.view()).uncertified == ()

    async def test_later_ones_stay_uncertified(self, window: Window) -> None:
        await closed(window, APRIL)
        await window.open()
        await window.over()
        await window.cases.recertifying.recertify(window.step)
        await window.certified()
        assert (await window.view()).uncertified == (APRIL,)

    async def test_asked_again_it_begins_one_close(self, window: Window) -> None:
        await window.open()
        await window.over()
        stand = await window.cases.recertifying.recertify(window.step)
        assert await window.cases.recertifying.recertify(window.step) == stand
        run = (await window.view()).reopening.closure
        assert run is not None
        assert (await window.close.cases.looking.get(window.world.eve, run)).run.mode is Mode.HARD

    async def test_a_close_that_somebody_began_in_the_window_is_left_alone(self, window: Window) -> None:
        await window.open()
        run = await window.close.frozen()
        await window.over()
        assert await window.close.stands() == {"AP": "open/adjust_only@4", "GL": "open/adjust_only@4"}
        with pytest.raises(NotAdjustable):
            await window.post()
        stand = await window.cases.recertifying.recertify(window.step)
        assert (stand.why, (await window.view()).reopening.closure) == ("being_closed", run.run)
        await window.close.validate()
        await window.close.vote(await window.close.cases.validating.ask(window.close.step()))
        await window.close.cases.closing.close(window.close.step())
        assert await window.close.stands() == {"AP": "closed/none@5", "GL": "closed/none@5"}

    async def test_what_was_closed_in_the_window_is_closed(self, window: Window) -> None:
        await window.open()
        await window.close.closed()
        await window.over()
        assert await window.close.stands() == {"AP": "closed/none@5", "GL": "closed/none@5"}
        assert (await window.cases.recertifying.recertify(window.step)).why == "closed_again"

    async def test_a_soft_close_in_the_window_is_followed_by_a_hard_one(self, window: Window) -> None:
        await window.open()
        await window.close.closed(mode=Mode.SOFT)
        await window.over()
        await window.cases.recertifying.recertify(window.step)
        run = (await window.view()).reopening.closure
        assert run is not None
        assert (await window.close.cases.looking.get(window.world.eve, run)).run.mode is Mode.HARD

    async def test_who_may_not_close_any_more_leaves_it_shut(self, window: Window) -> None:
        await window.open()
        await window.over()
        await window.world.tenants.set_roles(window.world.root, "fin", frozenset(), WHY)
        stand = await window.cases.recertifying.recertify(window.step)
        assert (stand.state, stand.why) == (ReopeningState.ENDED, "permission_missing")
        with pytest.raises(NotAdjustable):
            await window.post()


@pytest.mark.req("FP69")
class TestRunningClose:
    async def test_a_period_that_is_being_closed_is_not_reopened(self, window: Window) -> None:
        place = await window.close.place()
        async with window.close.transaction() as tx:
            last = await tx.closures.last(ENTITY, place.id)
            assert last is not None
            await tx.closures.add(_next(last))
        await refused(window, RunningClose)


def _next(run: ClosureRun) -> ClosureRun:
    again = replace(run, id=uuid4(), attempt=run.attempt + 1, state=RunState.INITIATED, closed_at=None)
    return replace(again, certificate=None, prior=(), snapshot=None, approval=None)
