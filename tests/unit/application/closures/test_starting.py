"""Closes that are asked for, and what stands in their way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from application.closures.starting import RunningClose, start_waiting_closure
from application.ports.records import WaitingKind
from domain.closures import EarliestOpen, Item, Mode, RunState, SubledgersOpen, YearOpen
from domain.errors import Missing
from domain.people import PermissionMissing
from domain.periods import PeriodClosed, PeriodPending, ScopeMissing
from tests.closes import MARCH, Close


class TestStarting:
    @pytest.mark.req("FP45")
    async def test_one_attempt_goes_on_at_a_time(self, close: Close) -> None:
        run = await close.ask()
        with pytest.raises(RunningClose) as refused:
            await close.ask()
        assert refused.value.facts["run"] == str(run.id)
        assert await close.ask(id=run.id) == run
        assert close.started.runs == [run.id, run.id]

    async def test_another_attempt_counts_on_once_the_last_is_over(self, close: Close) -> None:
        first = await close.ask()
        await close.cases.compensating.end(close.step(), RunState.ABORTED, "aborted")
        second = await close.ask()
        assert (first.attempt, second.attempt, second.supersedes) == (1, 2, None)

    async def test_needs_the_permission_and_a_period_with_open_gates(self, close: Close) -> None:
        with pytest.raises(PermissionMissing):
            await close.ask(close.world.eve)
        for refusal, wish in (
            (Missing, {"period": "2025-13"}),
            (Missing, {"entity": "nobody"}),
            (Missing, {"template": "nothing"}),
            (ScopeMissing, {"scopes": ("XX",)}),
            (PeriodPending, {"period": "2025-04"}),
            (PeriodClosed, {"period": "2025-02"}),
            (PeriodClosed, {"period": "2025-02", "scopes": ("AP",)}),
        ):
            with pytest.raises(refusal):
                await close.ask(**wish)
        assert close.started.runs == []

    @pytest.mark.req("FP46")
    async def test_a_ledger_is_closed_period_by_period(self, close: Close) -> None:
        await close.open("2025-04", "2025-05")
        with pytest.raises(EarliestOpen) as refused:
            await close.ask(period="2025-05")
        assert refused.value.facts == {"scope": "GL", "earliest_open": MARCH}
        run = await close.ask(period="2025-05", scopes=("AP",))
        assert run.scopes == ("AP",)

    @pytest.mark.req("FP35")
    async def test_a_ledger_is_closed_after_its_sub_ledgers(self, close: Close) -> None:
        with pytest.raises(SubledgersOpen) as refused:
            await close.ask(scopes=("GL",))
        assert refused.value.facts["open"] == ["AP"]
        await close.gates("closed", MARCH, scopes=("AP",))
        assert (await close.ask()).scopes == ("GL",)

    async def test_a_year_is_closed_with_its_last_period(self, close: Close) -> None:
        with pytest.raises(YearOpen):
            await close.ask(mode=Mode.YEAR_END)
        months = [f"2025-{number:02}" for number in range(4, 13)]
        await close.open(*months)
        await close.gates("closed", MARCH, *months[:-1])
        assert (await close.ask(period="2025-12", mode=Mode.YEAR_END)).mode is Mode.YEAR_END

    async def test_tasks_are_due_at_the_end_of_a_business_day_there(self, close: Close) -> None:
        await close.template(close.task("count", due_offset_days=3), close.task("sign", after=["count"]))
        run = await close.ask(template="month-end")
        tasks = {each.plan.key: each for each in (await close.view()).tasks}
        assert run.template == "month-end/1"
        assert tasks["count"].due_at == datetime(2025, 4, 3, 22, tzinfo=UTC)
        assert tasks["sign"].due_at == datetime(2025, 3, 31, 22, tzinfo=UTC)

    async def test_what_was_committed_waits_to_be_started(self, close: Close) -> None:
        close.started.down = True
        run = await close.ask()
        close.world.clock += timedelta(seconds=3)
        assert (WaitingKind.CLOSURE, run.id) in {(each.kind, each.id) for each in await close.world.store.waiting()}
        close.started.down = False
        starter: Any = close.started
        await start_waiting_closure(close.world.store, starter, run.tenant, run.id)
        assert close.started.runs == [run.id]
        assert run.id not in {each.id for each in await close.world.store.waiting()}


class TestDryRuns:
    @pytest.mark.req("FP63")
    async def test_tell_what_is_in_the_way_and_change_nothing(self, close: Close) -> None:
        await close.books(unposted=(Item("7", date(2025, 3, 31), "a draft"),))
        before = await close.stands()
        found = await close.dry()
        assert [each.check for each in found.blockers] == ["unposted"]
        assert found.scopes == ("AP", "GL")
        assert await close.stands() == before
        assert await close.cases.looking.page(close.world.eve, None, None, 9) == []

    async def test_tell_of_earlier_periods(self, close: Close) -> None:
        await close.open("2025-04")
        found = await close.dry(period="2025-04")
        assert {each.check: each.measured for each in found.blockers} == {"chronology": {"GL": MARCH}}
