"""What becomes of each close of a series when its turn comes: begun, joined, left out as closed, or refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.closure_series.asking import CloseWish, SeriesWish, carry_on_waiting_series
from application.closure_series.cases import SeriesCases
from application.closure_series.stand import MemberStep, SeriesStand, SeriesStep
from application.ports.records import AuditFilter
from application.sweeping import Sweeper
from domain.audit import Action
from domain.closures import ClosureRun, Mode, RunState
from domain.closures.refusals import WrongSeriesState
from domain.closures.series import Member, MemberState, Series, SeriesState
from domain.errors import Invalid, Missing, Unavailable
from domain.people import PermissionMissing, Role
from tests.closes import ENTITY, MARCH, WHY, Close, Started
from tests.world import World

APRIL = "2025-04"


class Carried(Started):
    """Series that a process was asked to carry on, and closes that were told to look."""

    def __init__(self) -> None:
        super().__init__()
        self.series: list[UUID] = []
        self.told: list[UUID] = []

    async def carry_on_series(self, series: Series, requester: str) -> None:
        del requester
        if self.down:
            raise Unavailable
        self.series.append(series.id)

    async def closure_told(self, run: ClosureRun, what: str) -> None:
        del what
        self.told.append(run.id)


class Story:
    """`fin` asks; March and April are open."""

    def __init__(self, close: Close) -> None:
        self.close, self.world, self.carried = close, close.world, Carried()
        processes: Any = self.carried
        self.cases = SeriesCases.over(self.world.store, processes, close.cases)
        self.id = uuid4()

    async def ask(self, *closes: CloseWish, at_once: int = 4, handle: str = "fin") -> Series:
        self.id = uuid4()
        wishes = closes or (CloseWish(ENTITY, APRIL, gapless=True),)
        return await self.cases.asking.ask(self.world.people[handle], SeriesWish(self.id, wishes, at_once, WHY))

    async def look(self) -> SeriesStand:
        return await self.cases.looking.look(SeriesStep(self.world.tenant.id, self.id))

    async def begin(self, period: str = MARCH) -> Member:
        await self.cases.beginning.begin(MemberStep(self.world.tenant.id, self.id, f"{ENTITY}/{period}"))
        return await self.member(period)

    async def member(self, period: str = MARCH) -> Member:
        found = (await self.series()).member(f"{ENTITY}/{period}")
        assert found is not None
        return found

    async def series(self) -> Series:
        return (await self.cases.looking.get(self.world.eve, self.id)).series

    async def closed(self) -> None:
        """March, step by step, by whoever began it."""
        member = await self.begin()
        assert member.run is not None
        self.close.run_id = member.run
        cases, step = self.close.cases, self.close.step
        await cases.prechecking.precheck(step())
        await cases.freezing.freeze(step())
        await cases.freezing.frozen(step())
        await self.close.validate()
        await self.close.vote(await cases.validating.ask(step()))
        await cases.closing.close(step())
        await cases.closing.notify(step())

    async def aborted(self) -> None:
        member = await self.member()
        assert member.run is not None
        self.close.run_id = member.run
        await self.close.cases.compensating.end(self.close.step(), RunState.ABORTED, "aborted")
        await self.look()


@pytest.fixture
async def story(world: World) -> Story:
    close = await Close(world).settle()
    await close.books()
    await close.books("ledger", "GL")
    await close.open(APRIL)
    return Story(close)


@pytest.mark.req("FP46")
class TestTurn:
    async def test_each_begins_in_the_name_of_whoever_asked_once_the_one_before_is_closed(self, story: Story) -> None:
        asked = await story.ask()
        assert [each.key for each in asked.members] == [f"{ENTITY}/{MARCH}", f"{ENTITY}/{APRIL}"]
        assert (await story.look()).due == (f"{ENTITY}/{MARCH}",)
        assert (await story.begin(APRIL)).state is MemberState.WAITING
        await story.closed()
        assert (await story.look()).due == (f"{ENTITY}/{APRIL}",)
        april = await story.begin(APRIL)
        async with story.close.transaction() as tx:
            run = await tx.closures.get(april.run)
        assert (run.requester, run.mode, april.joined) == (story.world.fin.id, Mode.HARD, False)

    async def test_an_answer_that_was_lost_is_given_again_and_nothing_begins_twice(self, story: Story) -> None:
        await story.ask()
        step = MemberStep(story.world.tenant.id, story.id, f"{ENTITY}/{MARCH}")
        first = await story.cases.beginning.begin(step)
        assert first.opened is not None
        assert await story.cases.beginning.begin(step) == first

    async def test_what_somebody_began_is_joined_where_it_does_the_same(self, story: Story) -> None:
        run = await story.close.ask(scopes=("AP", "GL"))
        await story.ask(CloseWish(ENTITY, MARCH, scopes=("AP", "GL")))
        member = await story.begin()
        assert (member.state, member.run, member.joined) == (MemberState.RUNNING, run.id, True)

    async def test_and_refused_where_it_does_not(self, story: Story) -> None:
        await story.close.ask(mode=Mode.SOFT)
        await story.ask(CloseWish(ENTITY, MARCH))
        assert (await story.begin()).why == "period_closing"
        assert (await story.series()).state is SeriesState.STOPPED

    async def test_what_is_closed_by_then_is_left_out(self, story: Story) -> None:
        await story.ask(CloseWish(ENTITY, MARCH))
        await story.close.gates("closed", MARCH)
        member = await story.begin()
        assert (member.state, member.why) == (MemberState.CLOSED, "closed_before")
        assert (await story.series()).state is SeriesState.CLOSED

    async def test_whoever_may_not_close_any_more_begins_nothing(self, story: Story) -> None:
        await story.ask()
        await story.world.tenants.set_roles(story.world.root, "fin", frozenset({Role.VIEWER}), WHY)
        assert (await story.begin()).why == "permission_missing"

    async def test_the_last_period_of_a_year_closes_the_year_and_those_before_it_as_any_month(
        self, story: Story
    ) -> None:
        asked = await story.ask(CloseWish(ENTITY, APRIL, Mode.YEAR_END, gapless=True))
        assert [each.mode for each in asked.members] == [Mode.HARD, Mode.YEAR_END]

    async def test_no_gap_is_closed_softly(self, story: Story) -> None:
        with pytest.raises(Invalid) as refused:
            await story.ask(CloseWish(ENTITY, APRIL, Mode.SOFT, gapless=True))
        assert [fault.path for fault in refused.value.faults] == ["/closes/0/gapless"]


class TestStopped:
    async def test_resumed_it_joins_what_a_person_has_begun_again(self, story: Story) -> None:
        await story.ask()
        await story.begin()
        await story.aborted()
        assert (await story.series()).why == f"{ENTITY}/{MARCH}: aborted"
        again = await story.close.ask()
        await story.cases.ending.resume(story.world.own, story.id, WHY)
        member = await story.begin()
        assert (member.run, member.joined, (await story.series()).requester) == (again.id, True, story.world.own.id)

    async def test_whoever_asked_is_told_that_it_rests(self, story: Story) -> None:
        await story.ask()
        await story.begin()
        await story.aborted()
        assert await story.world.told("closure_series_rests") == {"fin", None}

    async def test_what_goes_on_is_not_resumed(self, story: Story) -> None:
        await story.ask()
        with pytest.raises(WrongSeriesState):
            await story.cases.ending.resume(story.world.fin, story.id, WHY)


class TestAborted:
    async def test_what_it_began_is_taken_back_in_the_name_of_whoever_aborts_it(self, story: Story) -> None:
        await story.ask()
        member = await story.begin()
        view = await story.cases.ending.abort(story.world.own, story.id, "the wrong month")
        assert view.series.state is SeriesState.ABORTING
        step = MemberStep(story.world.tenant.id, story.id, member.key)
        stand = await story.cases.ending.abort_close(step)
        assert stand.state is SeriesState.ABORTED
        assert await story.cases.ending.abort_close(step) == stand
        assert story.carried.told == [member.run, member.run]
        assert member.run is not None
        story.close.run_id = member.run
        line = (await story.close.view()).timeline[-1]
        assert (line.cause, line.actor, line.reason) == ("series_aborted", story.world.own.id, "the wrong month")

    async def test_what_is_closed_stays_closed(self, story: Story) -> None:
        await story.ask()
        await story.closed()
        await story.cases.ending.abort(story.world.fin, story.id, WHY)
        await story.cases.ending.abort_close(MemberStep(story.world.tenant.id, story.id, f"{ENTITY}/{MARCH}"))
        ended = await story.series()
        assert (ended.state, [each.state for each in ended.members]) == (
            SeriesState.ABORTED, [MemberState.CLOSED, MemberState.WAITING],
        )  # fmt: skip
        assert {each.split("/")[0] for each in (await story.close.stands()).values()} == {"closed"}


class TestAsked:
    async def test_nothing_is_asked_twice_and_each_move_is_in_the_trail(self, story: Story) -> None:
        asked = await story.ask()
        wish = SeriesWish(asked.id, (CloseWish(ENTITY, APRIL),), 1, "another")
        assert await story.cases.asking.ask(story.world.fin, wish) == asked
        await story.begin()
        async with story.close.transaction() as tx:
            rows = await tx.audit.page(AuditFilter(action=Action.CLOSURE_SERIES_MOVED), None, 10)
        begun, first = [row.event for row in rows]
        if begun["before"] is None:
            begun, first = first, begun
        assert (first["reason"], first["before"]) == (WHY, None)
        assert begun["after"]["closes"][f"{ENTITY}/{MARCH}"]["state"] == "running"

    async def test_what_reached_no_process_is_carried_on_later(self, story: Story) -> None:
        story.carried.down = True
        series = await story.ask()
        story.carried.down = False
        await carry_on_waiting_series(story.world.store, _processes(story), series.tenant, series.id)
        assert story.carried.series == [series.id]

    async def test_its_process_is_told_that_it_is_over(self, story: Story) -> None:
        await story.close.ask()
        series = await story.ask()
        await story.begin()
        assert (await story.cases.ending.abort(story.world.fin, series.id, WHY)).series.state is SeriesState.ABORTED
        assert story.carried.series == [series.id] * 2

    async def test_whoever_sweeps_carries_on_what_has_not_heard_that_a_close_ended(self, story: Story) -> None:
        series = await story.ask()
        member = await story.begin()
        assert member.run is not None
        story.close.run_id = member.run
        story.world.clock += timedelta(seconds=3)
        sweeper = Sweeper(story.world.store, _processes(story))
        await sweeper.sweep()
        assert story.carried.series == [series.id]
        await story.close.cases.compensating.end(story.close.step(), RunState.ABORTED, "aborted")
        await sweeper.sweep()
        assert story.carried.series == [series.id] * 2
        await story.look()
        await sweeper.sweep()
        assert story.carried.series == [series.id] * 2

    async def test_of_what_is_not_there_and_by_nobody_who_may_not(self, story: Story) -> None:
        with pytest.raises(Missing):
            await story.ask(CloseWish("elsewhere", MARCH))
        with pytest.raises(Missing):
            await story.ask(CloseWish(ENTITY, MARCH, template="unknown"))
        with pytest.raises(PermissionMissing):
            await story.ask(handle="eve")
        for act in (story.cases.ending.abort, story.cases.ending.resume):
            with pytest.raises(PermissionMissing):
                await act(story.world.eve, story.id, WHY)
            with pytest.raises(Missing):
                await act(replace(story.world.fin), uuid4(), WHY)


def _processes(story: Story) -> Any:
    return story.carried
