from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from domain.calendars import BusinessDays
from domain.closures import TaskTimes, days_to_close, first_pass_yield, task_times
from tests.unit.closures.tasks import ADA, BOB, HOUR, MOVED, NOON, SEEN, reconciled, task

MARCH_ENDS = date(2024, 3, 31)
CLOSED_AT = datetime(2024, 4, 5, 20, tzinfo=UTC)


class TestDaysToClose:
    @pytest.mark.req("FP64")
    def test_count_from_the_midnight_of_the_entity(self) -> None:
        found = days_to_close(MARCH_ENDS, CLOSED_AT, "America/New_York", BusinessDays())
        assert (found.calendar, found.business) == (Decimal("4.67"), 5)

    @pytest.mark.req("FP64")
    def test_leave_holidays_out_of_business_days(self) -> None:
        easter_monday = BusinessDays(frozenset({date(2024, 4, 1)}))
        assert days_to_close(MARCH_ENDS, CLOSED_AT, "Europe/Berlin", easter_monday).business == 4

    def test_end_on_the_day_that_it_is_there(self) -> None:
        late = datetime(2024, 4, 1, 23, tzinfo=UTC)
        assert days_to_close(MARCH_ENDS, late, "Europe/Berlin", BusinessDays()).business == 2
        assert days_to_close(MARCH_ENDS, late, "UTC", BusinessDays()).business == 1

    def test_are_less_than_nothing_before_the_end(self) -> None:
        early = datetime(2024, 3, 30, 12, tzinfo=UTC)
        found = days_to_close(MARCH_ENDS, early, "UTC", BusinessDays())
        assert (found.calendar, found.business) == (Decimal("-1.50"), 0)


class TestFirstPassYield:
    def test_is_the_share_that_never_came_back(self) -> None:
        back = task().complete(ADA, NOON, SEEN).reject(BOB, NOON, "of February").complete(ADA, NOON, SEEN)
        moved = reconciled().suspend("sha256:two", NOON).complete(ADA, NOON, MOVED).approve(BOB, NOON, MOVED)
        tasks = [reconciled(), back.approve(BOB, NOON, SEEN), moved, task()]
        assert first_pass_yield(tasks) == Decimal("0.33")

    def test_is_not_known_before_anything_is_done(self) -> None:
        assert first_pass_yield([task()]) is None


class TestTaskTimes:
    def test_are_of_waiting_and_of_work(self) -> None:
        done = replace(task(), ready_at=NOON).started(ADA, NOON + HOUR).complete(ADA, NOON + 2 * HOUR, SEEN)
        approved = done.approve(BOB, NOON + 5 * HOUR, SEEN)
        assert task_times([approved, task("report")]) == (
            TaskTimes("bank", timedelta(hours=1), timedelta(hours=4), 0),
            TaskTimes("report", None, None, 0),
        )
