import json
import re
from pathlib import Path
from typing import Any

import pytest

from domain.calendars import LAST_DAY, CalendarRule, Gregorian, Labels, Naming, Weeks, Which, parse_rule
from domain.errors import Invalid
from tests.unit.calendars.companies import APPLE, AUTOZONE, NVIDIA, RETAIL, THIRTEEN, UNITED_KINGDOM, gregorian, weeks

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "calendars.md"
MONTHLY = {"kind": "gregorian"}
RETAILING = {"kind": "52-53-week", "anchor": {"which": "nearest", "weekday": "sat", "month": 1}, "pattern": "4-5-4"}


def faults(raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_rule(raw)
    return sorted(fault.path for fault in refused.value.faults)


class TestGregorian:
    def test_says_nothing_and_is_the_calendar_year_in_months(self) -> None:
        assert parse_rule(MONTHLY) == CalendarRule(Gregorian(1, 1, 1), Labels.END, 0, Naming())

    @pytest.mark.req("FP07")
    @pytest.mark.parametrize("day", [29, 30, 31, 0, -1, 1.0, "1", True, None, "first"])
    def test_a_start_day_that_some_month_lacks_is_refused(self, day: Any) -> None:
        assert faults(MONTHLY | {"start_day": day}) == ["/start_day"]

    @pytest.mark.parametrize(("day", "kept"), [(1, 1), (28, 28), ("last", LAST_DAY)])
    def test_others_and_the_last_day_of_the_month_are_taken(self, day: Any, kept: int) -> None:
        cycle = parse_rule(MONTHLY | {"start_day": day}).cycle
        assert isinstance(cycle, Gregorian)
        assert cycle.start_day == kept

    @pytest.mark.parametrize("months", [0, 2, 4, 5, 13, "3", True, None])
    def test_a_period_has_1_3_6_or_12_months(self, months: Any) -> None:
        assert faults(MONTHLY | {"months_per_period": months}) == ["/months_per_period"]

    def test_a_year_inside_one_calendar_year_has_no_label_of_two(self) -> None:
        assert faults(MONTHLY | {"labels": "two-year"}) == ["/labels"]


class TestNumberOfPeriods:
    @pytest.mark.req("FP08")
    def test_thirteen_without_an_adjusting_one_are_refused(self) -> None:
        assert faults(MONTHLY | {"number_of_periods": 13}) == ["/number_of_periods"]

    @pytest.mark.req("FP08")
    @pytest.mark.parametrize(
        "fields",
        [
            {"number_of_periods": 12},
            {"number_of_periods": 13, "adjusting_periods": 1},
            {"number_of_periods": 4, "months_per_period": 3},
        ],
    )
    def test_a_number_that_fits_is_taken_and_not_kept(self, fields: dict[str, int]) -> None:
        assert "number_of_periods" not in parse_rule(MONTHLY | fields).to_json()

    def test_true_is_no_number(self) -> None:
        assert faults(MONTHLY | {"months_per_period": 12, "number_of_periods": True}) == ["/number_of_periods"]

    @pytest.mark.parametrize("count", [-1, 5, "4", True, 1.5])
    def test_more_than_four_adjusting_ones_are_refused(self, count: Any) -> None:
        assert faults(MONTHLY | {"adjusting_periods": count}) == ["/adjusting_periods"]


class TestWeeks:
    def test_a_pattern_of_a_quarter_stands_for_four(self) -> None:
        cycle = parse_rule(RETAILING).cycle
        assert cycle == Weeks(Which.NEAREST, 5, 1, (4, 5, 4) * 4, 12)

    @pytest.mark.parametrize(
        ("pattern", "lengths"),
        [
            ("4-4-5", (4, 4, 5) * 4),
            ([5, 4, 4], (5, 4, 4) * 4),
            ("13x4", (4,) * 13),
            ("4x13", (13,) * 4),
            ([13], (13,) * 4),
            ([12, 12, 12, 16], (12, 12, 12, 16)),
            ([5, 4, 4, 5, 4, 4, 5, 4, 4, 5, 4, 4], (5, 4, 4) * 4),
            ([26, 26], (26, 26)),
            ([52], (52,)),
        ],
    )
    def test_patterns(self, pattern: Any, lengths: tuple[int, ...]) -> None:
        cycle = parse_rule(RETAILING | {"pattern": pattern}).cycle
        assert isinstance(cycle, Weeks)
        assert cycle.lengths == lengths

    @pytest.mark.parametrize(
        "pattern",
        [
            None,
            "",
            [],
            "4-4-4",
            "4-5-5",
            [4, 5, 4.0],
            [4, True, 8],
            [14, -1],
            [0, 13],
            "52x1",
            [1] * 52,
            "99x99",
            "4-5-4-",
            {},
            13,
        ],
    )
    def test_weeks_that_do_not_add_up_are_refused(self, pattern: Any) -> None:
        assert faults(RETAILING | {"pattern": pattern}) == ["/pattern"]

    @pytest.mark.parametrize(
        ("extra", "place"), [({"quarter": 1}, 3), ({"quarter": 4}, 12), ({"period": 7}, 7), (None, 12)]
    )
    def test_week_53_is_placed_by_quarter_or_period(self, extra: Any, place: int) -> None:
        cycle = parse_rule(RETAILING | {"extra_week": extra}).cycle
        assert isinstance(cycle, Weeks)
        assert cycle.extra == place

    @pytest.mark.parametrize(
        ("extra", "path"),
        [
            ({"quarter": 5}, "/extra_week/quarter"),
            ({"period": 13}, "/extra_week/period"),
            ({"period": 0}, "/extra_week/period"),
            ({"period": None}, "/extra_week/period"),
            ({"period": 1, "quarter": 1}, "/extra_week"),
            ({}, "/extra_week"),
            ("last", "/extra_week"),
        ],
    )
    def test_another_place_is_refused(self, extra: Any, path: str) -> None:
        assert set(faults(RETAILING | {"extra_week": extra})) == {path}

    def test_thirteen_periods_have_no_quarter_for_it(self) -> None:
        assert faults(RETAILING | {"pattern": "13x4", "extra_week": {"quarter": 4}}) == ["/extra_week"]

    def test_the_anchor_must_be_whole(self) -> None:
        assert faults({"kind": "52-53-week", "pattern": "4-4-5"}) == [
            "/anchor/month",
            "/anchor/weekday",
            "/anchor/which",
        ]
        anchor = {"which": "first", "weekday": "saturday", "month": 13, "day": 1}
        assert faults(RETAILING | {"anchor": anchor}) == [
            f"/anchor/{each}" for each in ("day", "month", "weekday", "which")
        ]


class TestNaming:
    @pytest.mark.parametrize(
        "pattern",
        ["{number", "{}", "{number.real}", "{__class__}", "{other}", "}{", "", "   ", "a\nb", "{number}" + "x" * 57, 7],
    )
    def test_a_pattern_with_strange_braces_or_none_is_refused(self, pattern: Any) -> None:
        assert faults(MONTHLY | {"naming": {"period": pattern}}) == ["/naming/period"]

    @pytest.mark.parametrize(("name", "pattern"), [("period", "{label}"), ("adjusting", "Closing {year}")])
    def test_a_pattern_that_names_two_periods_alike_is_refused(self, name: str, pattern: str) -> None:
        assert faults(MONTHLY | {"adjusting_periods": 2, "naming": {name: pattern}}) == [f"/naming/{name}"]

    def test_only_twelve_periods_have_months_and_only_quarters_have_numbers(self) -> None:
        naming = {"period": "{month} {number}", "adjusting": "Q{quarter} {number}"}
        assert faults(RETAILING | {"pattern": "13x4", "naming": naming}) == ["/naming/adjusting", "/naming/period"]

    def test_a_year_of_one_period_is_named_by_its_label(self) -> None:
        rule = parse_rule(MONTHLY | {"months_per_period": 12, "naming": {"period": "{label}"}})
        assert rule.naming.period == "{label}"
        longest = "{number}" + "x" * 56
        assert parse_rule(MONTHLY | {"naming": {"period": longest}}).naming.period == longest


class TestWhole:
    @pytest.mark.parametrize("raw", [None, [], "gregorian", 1])
    def test_a_rule_is_an_object(self, raw: Any) -> None:
        assert faults(raw) == [""]

    @pytest.mark.parametrize("kind", [None, "lunar", "weeks", ["gregorian"], {}])
    def test_of_a_known_kind(self, kind: Any) -> None:
        assert faults({"kind": kind}) == ["/kind"]

    def test_fields_of_the_other_kind_and_unknown_ones_are_named(self) -> None:
        assert faults(MONTHLY | {"pattern": "4-4-5", "a/b": 1}) == ["/a~1b", "/pattern"]
        assert faults(RETAILING | {"start_day": 1}) == ["/start_day"]

    def test_every_fault_is_named_at_once(self) -> None:
        raw = {"kind": "gregorian", "start_month": 0, "start_day": 31, "months_per_period": 2, "labels": "fiscal",
               "adjusting_periods": 9, "naming": {"period": "{x}", "other": 1}, "colour": "red"}  # fmt: skip
        assert faults(raw) == [
            "/adjusting_periods", "/colour", "/labels", "/months_per_period", "/naming/other", "/naming/period",
            "/start_day", "/start_month",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "rule",
        [UNITED_KINGDOM, RETAIL, THIRTEEN, APPLE, AUTOZONE, NVIDIA, gregorian(start_day="last", adjusting_periods=4),
         gregorian(months_per_period=3, naming={"period": "{label} Q{quarter}"})],
    )  # fmt: skip
    def test_what_is_written_is_read_again(self, rule: CalendarRule) -> None:
        assert parse_rule(rule.to_json()) == rule

    def test_two_ways_to_say_a_rule_are_written_alike(self) -> None:
        one = weeks("last", "sat", 9, "5-4-4", extra_week={"quarter": 1})
        other = weeks("last", "sat", 9, [5, 4, 4] * 4, extra_week={"period": 3}, labels="end", adjusting_periods=0)
        assert one.to_json() == other.to_json()


class TestPage:
    """What docs/explanation/calendars.md shows is taken as it stands."""

    @pytest.mark.parametrize("shown", re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    def test_a_rule_that_the_page_shows_is_a_rule(self, shown: str) -> None:
        rule = parse_rule(json.loads(shown))
        assert rule.to_json()["kind"] == json.loads(shown)["kind"]
