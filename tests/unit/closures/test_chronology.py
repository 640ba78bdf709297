import pytest

from domain.closures import (
    CascadeUnconfirmed,
    EarliestOpen,
    LaterClosed,
    LaterPolicy,
    PeriodStatus,
    YearOpen,
    check_chronology,
    check_year,
    closing_order,
    earliest_open,
    later_periods,
    run_up,
)
from domain.periods import Status
from tests.unit.closures.facts import AP, AR, GL

PENDING, OPEN, CLOSED, LOCKED = Status


def periods(*statuses: Status, first: int = 1) -> list[PeriodStatus]:
    return [PeriodStatus(f"2024-{number:02}", status) for number, status in enumerate(statuses, first)]


@pytest.mark.req("FP46")
class TestChronology:
    def test_a_sequential_scope_closes_its_earliest_period_first(self) -> None:
        with pytest.raises(EarliestOpen) as refused:
            check_chronology(GL, periods(CLOSED, OPEN))
        assert refused.value.facts == {"scope": "GL", "earliest_open": "2024-02"}
        check_chronology(GL, periods(LOCKED, CLOSED))

    def test_another_closes_as_it_likes(self) -> None:
        check_chronology(AP, periods(OPEN, OPEN))

    def test_periods_from_before_these_books_are_in_nobodys_way(self) -> None:
        assert earliest_open(periods(PENDING, PENDING, CLOSED)) is None
        assert earliest_open(periods(PENDING, PENDING)) is None

    def test_a_period_that_was_left_out_is(self) -> None:
        assert earliest_open(periods(CLOSED, PENDING, OPEN)) == "2024-02"

    def test_a_gapless_close_takes_them_in_order(self) -> None:
        assert run_up(periods(CLOSED, OPEN, OPEN)) == ("2024-02", "2024-03")
        assert run_up(periods(PENDING, OPEN, CLOSED, OPEN)) == ("2024-02", "2024-04")
        assert run_up(periods(CLOSED, CLOSED)) == ()


class TestClosingOrder:
    def test_general_ledgers_come_last(self) -> None:
        assert [each.code for each in closing_order([GL, AR, AP])] == ["AP", "AR", "GL"]


@pytest.mark.req("FP61")
class TestYear:
    def test_is_closed_when_every_period_is_an_adjusting_one_too(self) -> None:
        year = [*periods(*[CLOSED] * 12), PeriodStatus("2024-13", OPEN)]
        with pytest.raises(YearOpen) as refused:
            check_year(year)
        assert refused.value.facts == {"open": ["2024-13"]}

    def test_is_closed_with_its_last_period(self) -> None:
        check_year([*periods(*[CLOSED] * 12), PeriodStatus("2024-13", OPEN)], apart_from="2024-13")

    def test_is_not_closed_around_one_that_was_never_opened(self) -> None:
        with pytest.raises(YearOpen):
            check_year(periods(CLOSED, PENDING, CLOSED))


@pytest.mark.req("FP66")
class TestLaterPeriods:
    def test_stay_closed_and_are_stale_when_they_are_isolated(self) -> None:
        found = later_periods(LaterPolicy.ISOLATE, periods(CLOSED, LOCKED, OPEN, first=4), confirmed=False)
        assert (found.stale, found.reopened) == (("2024-04", "2024-05"), ())

    def test_block_where_the_policy_says_so(self) -> None:
        with pytest.raises(LaterClosed) as refused:
            later_periods(LaterPolicy.BLOCK, periods(CLOSED, OPEN, first=4), confirmed=True)
        assert refused.value.facts == {"periods": ["2024-04"]}

    def test_are_reopened_newest_first_once_that_is_confirmed(self) -> None:
        after = periods(CLOSED, CLOSED, OPEN, first=4)
        with pytest.raises(CascadeUnconfirmed) as refused:
            later_periods(LaterPolicy.CASCADE, after, confirmed=False)
        assert refused.value.facts == {"periods": ["2024-05", "2024-04"]}
        found = later_periods(LaterPolicy.CASCADE, after, confirmed=True)
        assert (found.reopened, found.stale) == (("2024-05", "2024-04"), ())

    def test_are_never_reopened_once_locked(self) -> None:
        with pytest.raises(LaterClosed) as refused:
            later_periods(LaterPolicy.CASCADE, periods(CLOSED, LOCKED, first=4), confirmed=True)
        assert refused.value.facts == {"periods": ["2024-05"], "locked": True}

    @pytest.mark.parametrize("policy", LaterPolicy)
    def test_that_are_open_are_in_nobodys_way(self, policy: LaterPolicy) -> None:
        assert later_periods(policy, periods(OPEN, PENDING, first=4), confirmed=False).stale == ()
