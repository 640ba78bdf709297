import threading
from typing import Any

import pytest

from domain.settings import Violation, ViolationKind, parse_rules, violations
from domain.settings.expressions import (
    MOST_READ_BYTES,
    MOST_SOURCE_BYTES,
    expression_messages,
    keys_read,
    objection,
)
from domain.settings.tokens import DEEPEST_BRACKETS, MOST_TOKENS


def check(expression: str, image: dict[str, Any]) -> Violation | None:
    """What the rule says of an image, in which keys may be missing."""
    keys = sorted(keys_read(expression))
    rules = parse_rules([{"kind": "cel", "name": "the-rule", "expression": expression, "keys": keys}])
    found = violations(rules, image, keys)
    return found[0] if found else None


@pytest.mark.req("FR-SM-004")
class TestOutcome:
    @pytest.mark.parametrize(
        "expression",
        [
            'settings["a.b"] + settings["n"] <= 30',
            'settings["a.b"] > 4.5 && !(settings["n"] == 5u)',
            'settings["on"] ? settings["n"] > 1 : false',
            '"zz" in settings == false',
            '!("zz" in settings) || settings["zz"] > 1',
            "settings['hosts'].all(h, h.endsWith('.example') && size(h) > 3)",
            'settings["hosts"].filter(h, h.startsWith("a")).size() == 1',
            'settings["hosts"].exists(h, h == settings["main"])',
            'settings["main"] in settings["hosts"] // the main host is one of them',
            'has(settings["o"].limit) && settings["o"].limit == 3',
            'settings["o"].settings == "member"',
            'settings["nothing"] == null',
            'settings["text"] == "settings[\\"zz\\"] ((((((((((((((((((("',
            'timestamp(settings["from"]) < timestamp(settings["until"])',
            'double(settings["n"]) * 1.5 > 10.0',
        ],
    )
    def test_a_true_expression_is_kept(self, expression: str) -> None:
        image = {
            "a.b": 5,
            "n": 20,
            "on": True,
            "hosts": ["a.example", "b.example"],
            "main": "b.example",
            "o": {"limit": 3, "settings": "member"},
            "nothing": None,
            "text": 'settings["zz"] (((((((((((((((((((',
            "from": "2026-01-01T00:00:00Z",
            "until": "2026-07-01T00:00:00Z",
        }
        assert check(expression, image) is None

    def test_a_false_one_is_told_with_its_keys(self) -> None:
        assert check('settings["b"] < settings["a"]', {"a": 1, "b": 2}) == Violation(
            "the-rule",
            ViolationKind.RULE_FAILED,
            ("a", "b"),
            "The rule the-rule over a and b is not kept: it is not true.",
        )

    @pytest.mark.parametrize(
        ("expression", "image", "why"),
        [
            ('settings["a"] > 1', {}, "it reads something that is not there"),
            ('settings["a"][3] == 1', {"a": [1]}, "it reads something that is not there"),
            ('settings["a"] > 1', {"a": "s3cr3t"}, "it puts values together that do not go together"),
            ('settings["a"] > 1', {"a": None}, "it puts values together that do not go together"),
            ('settings["a"] + 1 > 1', {"a": 1.5}, "it puts values together that do not go together"),
            ('settings["a"] / 0 > 1', {"a": 7}, "its arithmetic has no result"),
            ('settings["a"] * settings["a"] * settings["a"] > 1', {"a": 2**53 - 1}, "its arithmetic has no result"),
            ('int(settings["a"]) > 1', {"a": "s3cr3t"}, "it cannot be worked out"),
            ('size(settings["a"]) > 1', {"a": 5}, "it cannot be worked out"),
            ('timestamp(settings["a"]) > timestamp("2020-01-01T00:00:00Z")', {"a": "x"}, "it cannot be worked out"),
            ('settings["a"]', {"a": "s3cr3t"}, "its result is neither true nor false"),
            ('settings["a"]', {"a": 1}, "its result is neither true nor false"),
            ('settings["a"] ? true : true', {"a": 1}, "it puts values together that do not go together"),
        ],
    )  # fmt: skip
    def test_an_error_is_a_violation_and_tells_no_value(self, expression: str, image: Any, why: str) -> None:
        found = check(expression, image)
        assert found is not None
        assert found.kind == "rule_failed"
        assert found.message == f"The rule the-rule over a is not kept: {why}."

    def test_values_that_no_setting_can_hold_are_violations_too(self) -> None:
        for value in (float("nan"), object(), {1: 2}, "\ud800", 2**80):
            assert objection('settings["a"] == settings["a"]', {"a": value}) is not None

    @pytest.mark.parametrize(
        ("expression", "kept"),
        [
            ('settings["zz"] > 1 || true', True),
            ('settings["zz"] > 1 || false', False),
            ('settings["zz"] > 1 && true', False),
            ('!(settings["zz"] > 1)', False),
            ('settings["zz"] > 1 ? true : true', False),
        ],
    )
    def test_only_what_is_true_whatever_the_broken_side_says_is_true(self, expression: str, kept: bool) -> None:  # noqa: FBT001 - a case
        assert (check(expression, {}) is None) is kept

    def test_any_thread_may_ask(self) -> None:
        found: list[Violation | None] = [check('settings["a"] > 1', {"a": 1})]
        thread = threading.Thread(target=lambda: found.append(check('settings["a"] > 1', {"a": 1})))
        thread.start()
        thread.join()
        assert found[0] == found[1]


class TestBounds:
    @pytest.mark.parametrize(
        "expression",
        [
            "(" * (DEEPEST_BRACKETS + 1) + "1" + ")" * (DEEPEST_BRACKETS + 1),
            "[" * 2_000 + "]" * 2_000,
            "!" * 4_000 + "true",
            "-" * 4_000 + "1",
            "1" + "+1" * MOST_TOKENS,
            "true?1:" * 500 + "1",
            'settings["a"]' + ".b" * 2_000,
            f'settings["a"] == "{"x" * MOST_SOURCE_BYTES}"',
            f'settings["a"] == "{"é" * (MOST_SOURCE_BYTES // 2)}"',
        ],
        ids=range(9),
    )
    def test_size_and_depth_are_refused_before_the_parser_sees_them(self, expression: str) -> None:
        (message,) = expression_messages(expression)
        assert message.startswith("expected ")

    def test_what_is_just_within_the_bounds_is_worked_out_on_a_small_stack(self) -> None:
        deep, long = DEEPEST_BRACKETS, MOST_TOKENS // 2 - 4
        found: list[Violation | None] = []
        expressions = [
            'settings["a"] == ' + "(" * deep + "1" + ")" * deep,
            'settings["a"] == 1' + "+0" * long,
            'settings["a"] == -1' + "-0" * long,
            "!!" * long + '(settings["a"] == 1)',
            'settings["a"]' + ".b" * long,
        ]
        before = threading.stack_size(512 * 1024)
        try:
            thread = threading.Thread(target=lambda: found.extend(check(each, {"a": 1}) for each in expressions))
            thread.start()
        finally:
            threading.stack_size(before)
        thread.join()
        assert [violation is None for violation in found] == [True, True, False, True, False]

    def test_a_loop_over_an_object_is_a_violation(self) -> None:
        """Its members have no order, so the answer would depend on the process."""
        found = check('settings["o"].exists(k, settings["o"][k] > 0)', {"o": {"a": 1, "b": "x"}})
        assert found is not None
        assert "it goes through o, which is not a list" in found.message

    def test_a_loop_is_worth_as_much_as_its_list_is_long(self) -> None:
        expression = 'settings["l"].all(x, ' + " && ".join(['settings["text"] != "" && x >= 0'] * 12) + ")"
        assert check(expression, {"l": [0] * 256, "text": "x" * 500}) is None
        for image in ({"l": [0] * 2_560, "text": "x" * 500}, {"l": [0] * 256, "text": "x" * 9_000}):
            found = check(expression, image)
            assert found is not None
            assert "it has more to read than an expression may" in found.message

    @pytest.mark.parametrize(
        "expression",
        [
            "size(" + " + ".join(['settings["l"]'] * 45) + ") > 0",
            'size(settings["l"].filter(x, true)) > 0',
            'settings["l"].all(x, !(7 in settings["l"]))',
            'settings["l"].exists(x, settings["l"] == settings["l"])',
        ],
        ids=["sums", "a filter", "a search in a loop", "a comparison in a loop"],
    )
    def test_what_grows_with_the_square_of_a_list_ends_soon(self, expression: str) -> None:
        assert check(expression, {"l": [0] * 50}) is None
        found = check(expression, {"l": [0] * 5_000})
        assert found is not None
        assert "it has more to read than an expression may" in found.message

    @pytest.mark.parametrize(
        "expression",
        [
            'settings["l"].all(x, x >= 0 && x < 100)',
            '7 in settings["l"] || 0 in settings["l"]',
            'size(settings["l"]) > 9',
        ],
    )
    def test_what_grows_with_a_list_is_worked_out_for_a_long_one(self, expression: str) -> None:
        assert check(expression, {"l": [0] * 5_000}) is None

    def test_an_answer_is_that_of_its_own_values(self) -> None:
        """One and one point nought are the same JSON number, and not the same in CEL."""
        told = [check('settings["a"] / 2 == 0', {"a": value}) is None for value in (1, 1.0, True, "1", 1)]
        assert told == [True, False, False, False, True]

    def test_a_guard_keeps_a_loop_from_null(self) -> None:
        assert check('settings["l"] == null || settings["l"].all(x, x > 0)', {"l": None}) is None

    def test_values_that_are_too_large_are_a_violation(self) -> None:
        found = check('settings["a"] != ""', {"a": "x" * MOST_READ_BYTES})
        assert found is not None
        assert "it has more to read than an expression may" in found.message

    def test_only_what_the_rule_reads_counts(self) -> None:
        assert check('settings["a"] != ""', {"a": "x", "other": "x" * MOST_READ_BYTES}) is None
