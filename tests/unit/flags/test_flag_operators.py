"""Our own examples of the language; that it is flagd's is proven against flagd's reference in tests/contract."""

import math
from typing import Any

import pytest

from domain.flags import Bucketing, compile_flag_set, iteration
from domain.flags.jsonlogic import OPERATORS, compile_rule
from domain.flags.semver import version_of

CONTEXT: dict[str, Any] = {
    "email": "ada@example.org",
    "age": 36,
    "tags": ["a", "b"],
    "orders": [{"n": 1}, {"n": 2}, {"n": 3}],
    "address": {"city": "Graz", "zip": None},
    "empty": "",
    "version": "v1.4",
}


def value_of(rule: Any, context: dict[str, Any] | None = None) -> Any:
    """What the rule gives, compiled for one flag."""
    run, _ = compile_rule(rule, flag_key="f", bucketing=Bucketing.V3, evaluators={})
    iteration.begin()  # as a flag's evaluation does; what another test left of its work is not ours
    return run(CONTEXT if context is None else context)


def table(*rows: tuple[Any, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("rule", "value"), list(rows), ids=[str(rule) for rule, _ in rows])


class TestVariables:
    @table(
        ({"var": "email"}, "ada@example.org"),
        ({"var": ["email"]}, "ada@example.org"),
        ({"var": "address.city"}, "Graz"),
        ({"var": "orders.1.n"}, 2),
        ({"var": "orders.01.n"}, None),
        ({"var": "tags.length"}, 2),
        ({"var": "email.length"}, 15),
        ({"var": "email.0"}, "a"),
        ({"var": "email.99"}, None),
        ({"var": 0}, None),
        ({"var": "email."}, None),
        ({"map": [[["a", "b"]], {"var": 1}]}, ["b"]),
        ({"map": [[["a", None]], {"var": [1, "x"]}]}, [None]),
        ({"map": [[["a"]], {"var": [1, "x"]}]}, ["x"]),
        ({"var": "$flagd.flagKey"}, "f"),
        ({"var": "nope"}, None),
        ({"var": "nope.more"}, None),
        ({"var": ["nope", 5]}, 5),
        ({"var": ["address.zip", "?"]}, "?"),
        ({"var": ["nope", {"var": "age"}]}, 36),
        ({"var": {"cat": ["a", "ge"]}}, 36),
        ({"missing": ["email", "nope", "empty"]}, ["nope", "empty"]),
        ({"missing": {"merge": [["nope"], "age"]}}, ["nope"]),
        ({"missing_some": [1, ["email", "nope"]]}, []),
        ({"missing_some": [2, ["email", "nope"]]}, ["nope"]),
        ({"missing_some": [1, "email"]}, []),
    )
    def test_paths(self, rule: Any, value: Any) -> None:
        assert value_of(rule) == value

    def test_the_whole_context(self) -> None:
        assert value_of({"var": ""}) is CONTEXT


class TestChoice:
    @table(
        ({"if": []}, None),
        ({"if": ["x"]}, "x"),
        ({"if": [{"var": "age"}, "x"]}, "x"),
        ({"if": [{"var": "nope"}, "x"]}, None),
        ({"if": [{"var": "nope"}, 1, {"var": "age"}, 2, 3]}, 2),
        ({"if": [{"var": "nope"}, 1, {"var": "nope"}, 2, 3]}, 3),
        ({"?:": [{"var": "age"}, 1, 2]}, 1),
        ({"and": [{"var": "age"}, {"var": "email"}]}, "ada@example.org"),
        ({"and": [{"var": "age"}, {"var": "empty"}, 1]}, ""),
        ({"and": []}, None),
        ({"or": [{"var": "nope"}, {"var": "age"}]}, 36),
        ({"or": [{"var": "nope"}, {"var": "empty"}]}, ""),
        ({"or": []}, None),
        ({"and": [{"<": [{"var": "age"}, 1]}, {"!": 1}]}, False),
        ({"and": [{"==": [{"var": "age"}, 36]}, {"!": {"var": "nope"}}]}, True),
    )
    def test_gives_back_an_operand(self, rule: Any, value: Any) -> None:
        assert value_of(rule) == value

    @pytest.mark.parametrize("value", [0, 0.0, "", [], None, False, math.nan])
    def test_these_count_as_false(self, value: Any) -> None:
        assert value_of({"!!": {"var": "x"}}, {"x": value}) is False
        assert value_of({"!": {"var": "x"}}, {"x": value}) is True
        assert value_of({"if": [{"var": "x"}, 1, 2]}, {"x": value}) == 2

    @pytest.mark.parametrize("value", [1, -0.5, "0", [0], {}, True])
    def test_these_count_as_true(self, value: Any) -> None:
        assert value_of({"!!": {"var": "x"}}, {"x": value}) is True
        assert value_of({"!": {"var": "x"}}, {"x": value}) is False
        assert value_of({"and": [{"var": "x"}, 5]}, {"x": value}) == 5


class TestComparison:
    @table(
        ({"==": ["1", 1]}, True),
        ({"==": [1, 1.0]}, True),
        ({"==": [True, 1]}, True),
        ({"==": ["a", "a"]}, True),
        ({"==": ["", 0]}, False),
        ({"==": [None, 0]}, True),
        ({"==": [None, ""]}, False),
        ({"==": [None, None]}, True),
        ({"==": [["a", "b"], "a,b"]}, True),
        ({"==": ["[object Object]", {"var": "address"}]}, True),
        ({"==": [[1], [1]]}, False),
        ({"==": [{"filter": [{"var": "nope"}, 1]}, {"filter": [{"var": "nope"}, 1]}]}, False),
        ({"==": [{"var": "tags"}, {"var": "tags"}]}, True),
        ({"==": [{"var": "tags"}, {"var": "address"}]}, False),
        ({"==": [{"var": "email"}, "ada@example.org"]}, True),
        ({"==": [{"var": "age"}, "36"]}, True),
        ({"==": [{"var": "tags"}, "a,b"]}, True),
        ({"==": [{"var": "nope"}, "a"]}, False),
        ({"!=": ["1", 1]}, False),
        ({"===": ["1", 1]}, False),
        ({"!==": ["1", 1]}, True),
        ({"<": [1, 2]}, True),
        ({"<": ["b", "a"]}, False),
        ({"<": ["10", 9]}, False),
        ({"<": ["10", "9"]}, True),
        ({"<": [None, 1]}, True),
        ({"<": ["x", 1]}, False),
        ({"<": [1, {"var": "age"}, 40]}, True),
        ({"<": [1, {"var": "age"}, 36]}, False),
        ({"<=": [1, {"var": "age"}, 36]}, True),
        ({">": [40, {"var": "age"}, 1]}, True),
        ({">=": [36, {"var": "age"}, 40]}, False),
        ({">=": [[], None]}, True),
        ({"in": ["b", {"var": "tags"}]}, True),
        ({"in": [{"var": "email"}, ["x", "ada@example.org"]]}, True),
        ({"in": [{"var": "tags"}, ["a", "b"]]}, False),
        ({"in": [{"var": "tags"}, [["a", "b"]]]}, True),
        ({"in": ["da@", {"var": "email"}]}, True),
        ({"in": [3, "1234"]}, True),
        ({"in": ["a", 5]}, False),
        ({"in": [{"var": "nope"}, [None]]}, True),
    )
    def test_of_values(self, rule: Any, value: Any) -> None:
        assert value_of(rule) is value


class TestCalculation:
    @table(
        ({"+": ["1", 2, None, True]}, 4),
        ({"+": []}, 0),
        ({"*": [2, "3"]}, 6),
        ({"*": []}, 1),
        ({"-": [5, 2]}, 3),
        ({"-": [5]}, -5),
        ({"/": [{"var": "age"}, 8]}, 4.5),
        ({"/": [1, 0]}, None),
        ({"%": [7, 4]}, 3),
        ({"%": [7, 0]}, None),
        ({"min": [3, "1", 2]}, 1),
        ({"max": [3, [7], 2]}, 7),
        ({"cat": ["a", 1, 1.5, 2.0, None, ["x", ["y"]], {"var": "address"}]}, "a11.52nullx,y[object Object]"),
        ({"substr": ["feature", 4]}, "ure"),
        ({"substr": ["feature", -3]}, "ure"),
        ({"substr": ["feature", 1, 3]}, "eat"),
        ({"substr": ["feature", 1, -2]}, "eatu"),
        ({"substr": ["feature", 5, -4]}, ""),
        ({"substr": ["feature", -99, 2]}, "fe"),
        ({"substr": ["feature", 99]}, ""),
        ({"substr": ["feature", "x", 2]}, "fe"),
        ({"substr": ["feature", 0, "x"]}, ""),
        ({"merge": [1, [2, 3], [[4]]]}, [1, 2, 3, [4]]),
    )
    def test_of_numbers_and_texts(self, rule: Any, value: Any) -> None:
        assert value_of(rule) == value

    @pytest.mark.parametrize("rule", [{"min": []}, {"max": []}, {"+": ["x"]}, {"+": [[1, 2]]}, {"+": ["inf"]}])
    def test_what_is_no_number_is_nan(self, rule: Any) -> None:
        assert math.isnan(value_of(rule))


class TestIteration:
    @table(
        ({"map": [{"var": "orders"}, {"*": [{"var": "n"}, 10]}]}, [10, 20, 30]),
        ({"map": [{"var": "email"}, 1]}, []),
        ({"map": [{"var": "tags"}]}, [None, None]),
        ({"map": []}, []),
        ({"filter": [{"var": "orders"}, {">": [{"var": "n"}, 1]}]}, [{"n": 2}, {"n": 3}]),
        ({"filter": [{"var": "tags"}]}, []),
        ({"filter": [5, True]}, []),
        ({"reduce": [{"var": "orders"}, {"+": [{"var": "accumulator"}, {"var": "current.n"}]}, 0]}, 6),
        ({"reduce": [{"var": "nope"}, 1, 5]}, 5),
        ({"reduce": [{"var": "tags"}, {"cat": [{"var": "accumulator"}, {"var": "current"}]}]}, "nullab"),
        ({"reduce": []}, None),
        ({"all": [{"var": "orders"}, {">": [{"var": "n"}, 0]}]}, True),
        ({"all": [{"var": "orders"}, {">": [{"var": "n"}, 1]}]}, False),
        ({"all": [[], True]}, False),
        ({"some": [{"var": "tags"}, {"==": [{"var": ""}, "b"]}]}, True),
        ({"some": [[], True]}, False),
        ({"none": [{"var": "tags"}, {"==": [{"var": ""}, "c"]}]}, True),
        ({"none": [[], True]}, True),
        ({"all": [{"var": "tags"}]}, False),
        ({"none": [{"var": "tags"}]}, True),
        ({"map": [{"var": "orders"}, {"var": "email"}]}, [None, None, None]),
    )
    def test_sees_the_items(self, rule: Any, value: Any) -> None:
        assert value_of(rule) == value


class TestTexts:
    @table(
        ({"starts_with": [{"var": "email"}, "ada@"]}, True),
        ({"starts_with": [{"var": "email"}, "bo@"]}, False),
        ({"ends_with": [{"var": "email"}, "@example.org"]}, True),
        ({"ends_with": [{"var": "email"}, {"var": "email"}]}, True),
        ({"starts_with": [{"var": "age"}, "3"]}, None),
        ({"ends_with": [{"var": "email"}, 5]}, None),
        ({"ends_with": [{"var": "email"}]}, None),
        ({"starts_with": ["a", "a", "a"]}, None),
    )
    def test_wrong_arguments_give_null(self, rule: Any, value: Any) -> None:
        assert value_of(rule) is value


class TestVersions:
    @pytest.mark.parametrize(
        ("a", "sign", "b", "holds"),
        [
            ("1.2.3", "=", "1.2.3", True),
            ("1.2.3", "!=", "1.2.3", False),
            ("1.2.3", "<", "1.10.0", True),
            ("1.2.3", "<=", "1.2.3", True),
            ("1.10.0", ">", "1.9.9", True),
            ("1.2.3", ">=", "1.2.4", False),
            ("1.9.9", "^", "1.0.0", True),
            ("2.0.0", "^", "1.0.0", False),
            ("1.2.9", "~", "1.2.0", True),
            ("1.3.0", "~", "1.2.0", False),
            ("v1.2.3", "=", "V1.2.3", True),
            ("1", "=", "1.0.0", True),
            ("1.2-rc.1", "<", "1.2", True),
            (1, "=", "1.0", True),
            (1.5, "<", "1.10.0", True),
            ("1.0.0-alpha", "<", "1.0.0-alpha.1", True),
            ("1.0.0-2", "<", "1.0.0-10", True),
            ("1.0.0-10", "<", "1.0.0-a", True),
            ("1.0.0-rc", "<", "1.0.0", True),
            ("1.0.0+a", "=", "1.0.0+b", True),
            ("01.0.0", "=", "1.0.0", None),
            ("1.0.0.0", "=", "1.0.0", None),
            ("1.0.0-01", "=", "1.0.0", None),
            ("latest", "=", "1.0.0", None),
            (None, "=", "1.0.0", None),
            (True, "=", "1.0.0", None),
            ("1.0.0", "=", "x", None),
            ("1.0.0", "==", "1.0.0", None),
            ("1.0.0", 5, "1.0.0", None),
        ],
    )
    def test_order(self, a: Any, sign: Any, b: Any, *, holds: bool | None) -> None:
        assert value_of({"sem_ver": [{"var": "a"}, sign, b]}, {"a": a}) is holds
        assert value_of({"sem_ver": [a, {"var": "s"}, {"var": "b"}]}, {"s": sign, "b": b}) is holds

    def test_three_arguments_are_needed(self) -> None:
        assert value_of({"sem_ver": [{"var": "version"}, "="]}) is None

    def test_numbers_longer_than_python_converts_are_no_version(self) -> None:
        assert version_of("9" * 5000) is None


class TestLanguage:
    def test_is_flagds_without_printing(self) -> None:
        compared = {"==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "starts_with", "ends_with", "sem_ver"}
        calculated = {"+", "-", "*", "/", "%", "min", "max", "cat", "substr", "merge"}
        chosen = {"if", "?:", "and", "or", "!", "!!", "fractional"}
        read = {"var", "missing", "missing_some", "map", "filter", "reduce", "all", "some", "none"}
        assert compared | calculated | chosen | read == OPERATORS

    def test_a_shared_rule_stands_in_place(self) -> None:
        raw = {"state": "ENABLED", "variants": {"f": 1}, "targeting": {"if": [{"$ref": "vip"}, {"$ref": "own"}]}}
        shared = {"vip": {"in": [{"var": "age"}, [36]]}, "own": {"var": "$flagd.flagKey"}}
        flags = compile_flag_set({"f": raw}, revision=1, now=lambda: 0, evaluators=shared)
        assert flags.evaluate("f", CONTEXT).variant == "f"
        assert flags.evaluate("f", {}).variant is None
