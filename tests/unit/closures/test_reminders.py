from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.closures.reminders import OCCASIONS, Reminder, reminders

NOON = datetime(2025, 4, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    key: str
    due_at: datetime | None


class TestReminders:
    def test_come_a_day_before_when_it_is_due_and_a_day_after(self) -> None:
        found = reminders([Due("bank", NOON)], NOON - 30 * DAY)
        assert found == [Reminder(NOON - DAY, "bank"), Reminder(NOON, "bank"), Reminder(NOON + DAY, "bank")]

    def test_each_comes_once(self) -> None:
        assert reminders([Due("bank", NOON)], NOON) == [Reminder(NOON + DAY, "bank")]
        assert reminders([Due("bank", NOON)], NOON + DAY) == []

    def test_of_several_tasks_the_earliest_is_first(self) -> None:
        found = reminders([Due("late", NOON + DAY), Due("early", NOON)], NOON - 2 * DAY)
        assert [(each.task, each.at) for each in found[:3]] == [
            ("early", NOON - DAY),
            ("early", NOON),
            ("late", NOON),
        ]

    def test_what_is_never_due_is_never_called_to_mind(self) -> None:
        assert reminders([Due("whenever", None)], NOON) == []

    def test_more_time_means_other_moments(self) -> None:
        assert reminders([Due("bank", NOON + 7 * DAY)], NOON + DAY)[0].at == NOON + 6 * DAY

    @given(st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 10_000))
    def test_taken_one_after_the_other_none_is_lost_and_none_comes_twice(self, hours: list[int], start: int) -> None:
        tasks = [Due(f"t{place}", NOON + timedelta(hours=each)) for place, each in enumerate(hours)]
        now = NOON + timedelta(hours=start)
        wanted, taken = reminders(tasks, now), []
        while ahead := reminders(tasks, now):
            now = ahead[0].at
            taken += [each for each in ahead if each.at <= now]
        assert taken == wanted
        assert len(taken) <= len(tasks) * len(OCCASIONS)
