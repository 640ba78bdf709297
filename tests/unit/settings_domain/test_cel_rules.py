from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.settings import parse_rules
from domain.settings.expressions import expression_messages, keys_read, objection


class TestLanguage:
    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            ("", "expected a CEL expression"),
            ("  ", "expected a CEL expression"),
            (5, "expected a CEL expression"),
            ("now() > 1", "unknown function now"),
            ("random() > 1", "unknown function random"),
            ("tenant == 1", "unknown variable tenant"),
            (".settings == 1", "unknown variable .settings"),
            ("math.greatest(1, 2) == 2", "unknown variable math"),
            ('settings["a"].matches("(a+)+$")', "unknown function matches"),
            ('settings["l"].map(x, x) == []', "unknown function map"),
            ('all(settings["l"], x)', "unknown function all"),
            ('"a".has(settings)', "unknown function has"),
            ("cel.bind(x, 1, x == 1)", "unknown variable cel"),
            ("type(1) == int", "unknown function type"),
            ("Foo{a: 1} == 1", "unknown variable Foo"),
            ("x == 1 && settings['l'].all(x, x > 0)", "unknown variable x"),
            ("settings['l'].all(x, x > 0) && x == 1", "unknown variable x"),
            ('settings["l"].all(x, x(1))', "unknown function x"),
        ],
    )
    def test_unknown_names_are_faults(self, expression: Any, message: str) -> None:
        assert expression_messages(expression)[0] == message

    @pytest.mark.parametrize(
        "expression",
        [
            "settings == settings",
            "settings.a == 1",
            "size(settings) == 1",
            'settings["a" + ".b"] == 1',
            'settings["\\x61"] == 1',
            'settings["1abc"] == 1',
            'settings[settings["a"]] == 1',
            "settings[0] == 1",
            "settings.all(k, true)",
            'settings["l"].all(settings, settings["a"] == 1)',
            '"a" + "b" in settings',
            '"a" in settings.b',
            '1 == "a" in settings',
            '{"settings": 1}.settings && settings',
        ],
    )
    def test_a_key_is_written_out_wherever_it_is_read(self, expression: str) -> None:
        assert any(message.startswith("settings are read as") for message in expression_messages(expression))

    @pytest.mark.parametrize(
        "expression",
        [
            "[1, 2].all(x, x > 0)",
            '{"a": 1}.all(k, true)',
            '{"settings": {"l": {"a": 1}}}.settings["l"].exists(k, true)',
            'settings["o"].hosts.all(h, true)',
            'settings["l"].filter(x, true).all(x, true)',
            '(settings["l"] + settings["l"]).all(x, true)',
        ],
    )
    def test_a_loop_goes_through_the_list_of_one_setting(self, expression: str) -> None:
        assert any(message.startswith("a loop goes through") for message in expression_messages(expression))

    def test_a_loop_within_a_loop_is_a_fault_and_one_after_another_is_not(self) -> None:
        inner = 'settings["l"].exists(y, y == {})'
        assert expression_messages(f'settings["l"].all(x, {inner.format("x")})') == ["expected no loop within a loop"]
        assert expression_messages(f'settings["l"].all(x, [x] == [{inner.format("x")}])') != []
        assert expression_messages(f"{inner.format(1)} && {inner.format(2)}") == []

    def test_nothing_grows_within_a_loop(self) -> None:
        (message,) = expression_messages('settings["l"].all(x, settings["a"] + settings["a"] + settings["a"] != [])')
        assert message.startswith("expected no + within a loop")
        assert expression_messages('settings["l"].all(x, x - 1 > 0) && settings["a"] + 1 > 2') == []

    @pytest.mark.parametrize(
        "expression",
        ["1 +", "(1", "1)", 'r"a" == "a"', '"""a""" == "a"', "'a", "a # b", "1 == `a`", "if", "1 2", "// x"],
    )
    def test_what_the_parser_refuses_is_a_fault(self, expression: str) -> None:
        assert expression_messages(expression) != []

    def test_the_parser_says_where(self) -> None:
        (message,) = expression_messages('settings["a"] ==\n  )')
        assert message.startswith("line 2, column 3: ")

    def test_faults_are_refused_at_their_place(self) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_rules([{"kind": "cel", "name": "the-rule", "expression": "now() > tenant", "keys": ["a"]}])
        assert [fault.path for fault in refusal.value.faults] == ["/0/expression", "/0/expression"]


WORDS = st.sampled_from([
    'settings["a"]', 'settings["l"]', 'settings["o"]', '"a" in settings', "1", "2.5", "-9223372036854775808",
    '"é"', "true", "null", "[1, 2]", '{"k": 1}', "+", "-", "*", "/", "%", "==", "<", ">=", "&&", "||", "!",
    "?", ":", "(", ")", "[", "]", ",", "size(", "int(", "string(", "timestamp(", "duration(", ".contains(",
    "x", "in", ".k", 'has(settings["o"].k)', 'settings["l"].all(x,', 'settings["l"].exists_one(x,',
    'settings["l"].filter(x,', "now()", "settings", "1u", "//", "'",
])  # fmt: skip


class TestAnyText:
    @settings(max_examples=400, deadline=None)
    @given(words=st.lists(WORDS, max_size=12), image=st.dictionaries(st.sampled_from("alo"), st.sampled_from([
        None, True, 0, -1, 2**53 - 1, 1.5, "", "é", [], [1, "x"], {}, {"k": [None]},
    ])))  # fmt: skip
    def test_it_is_refused_or_answered_and_always_the_same(self, words: list[str], image: dict[str, Any]) -> None:
        expression = " ".join(words)
        if expression_messages(expression):
            return
        assert keys_read(expression) <= {"a", "l", "o"}
        turned = dict(reversed(image.items()))
        assert len({objection(expression, values) for values in (image, turned, image)}) == 1

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=200))
    def test_no_text_is_an_error(self, text: str) -> None:
        assert isinstance(expression_messages(text), list)
