"""A rule that passes every check cannot hold up an evaluation, whatever the context brings."""

from typing import Any

import pytest

from domain.flags import ErrorCode, compile_flag_set

ACCUMULATOR, ITEM = {"var": "accumulator"}, {"var": ""}


def evaluated(rule: Any, **context: Any) -> Any:
    raw = {"state": "ENABLED", "variants": {"on": True}, "targeting": {"if": [rule, "on"]}}
    return compile_flag_set({"f": raw}, revision=1, now=lambda: 0).evaluate("f", context)


def chained(times: int, body: Any) -> Any:
    rule: Any = [1]
    for _ in range(times):
        rule = {"map": [rule, body]}
    return rule


class TestBounds:
    @pytest.mark.parametrize(
        "rule",
        [
            {"reduce": [{"var": "many"}, {"cat": [ACCUMULATOR, ACCUMULATOR]}, "x"]},
            {"reduce": [{"var": "many"}, {"merge": [ACCUMULATOR, ACCUMULATOR]}, [1]]},
            {"reduce": [{"var": "many"}, [ACCUMULATOR, ACCUMULATOR], 1]},
            {"reduce": [{"var": "many"}, {"*": [ACCUMULATOR, ACCUMULATOR]}, 3]},
            {"cat": [{"reduce": [{"var": "many"}, {"var": ""}, 1]}, chained(25, [ITEM] * 40)]},
            {"===": [chained(25, [ITEM] * 40), chained(25, [ITEM] * 40)]},
            {"map": [{"var": "many"}, chained(20, {"cat": [ITEM] * 10})]},
            {"all": [{"var": "wide"}, {"all": [{"var": ""}, {"all": [{"var": ""}, {"==": [{"var": ""}, 1]}]}]}]},
            {"cat": [{"var": "long"}] * 2},
            {"cat": [{"var": "listed"}]},
            {"merge": [{"var": "many"}] * 11},
        ],
        ids=["cat", "merge", "nest", "square", "map", "equality", "texts", "loops", "long text", "joined", "long list"],
    )
    def test_too_much_work_is_an_error(self, rule: Any) -> None:
        inner = [[1] * 100] * 100
        outcome = evaluated(rule, many=[1] * 1000, wide=[inner] * 100, long="x" * 60_000, listed=["x" * 999] * 200)
        assert outcome.error_code is ErrorCode.GENERAL
        assert outcome.error_details == "the targeting took more work than one evaluation may use"

    def test_ordinary_arrays_are_no_problem(self) -> None:
        assert evaluated(
            {"some": [{"var": "many"}, {"==": [{"var": "id"}, 4_999]}]}, many=[{"id": n} for n in range(5_000)]
        ).value
        total = {"reduce": [{"var": "many"}, {"+": [ACCUMULATOR, {"var": "current"}]}, 0]}
        assert evaluated({"==": [total, 12_497_500]}, many=list(range(5_000))).value

    def test_each_evaluation_has_its_own_allowance(self) -> None:
        rule = {"all": [{"var": "many"}, {"==": [{"var": ""}, 1]}]}
        raw = {"state": "ENABLED", "variants": {"on": True}, "targeting": {"if": [rule, "on"]}}
        flags = compile_flag_set({"f": raw}, revision=1, now=lambda: 0)
        assert all(flags.evaluate("f", {"many": [1] * 20_000}).value is True for _ in range(10))

    def test_nested_splits_compile_in_proportion_to_their_size(self) -> None:
        rule: Any = {"fractional": [["on", 1]]}
        for _ in range(9):
            rule = {"fractional": [{"var": "x"}, [rule, 1], [None, 0]]}
        raw = {"state": "ENABLED", "variants": {"on": True}, "targeting": rule}
        flags = compile_flag_set({"f": raw}, revision=1, now=lambda: 0)
        assert flags.evaluate("f", {"targetingKey": "u", "x": 1}).variant == "on"
