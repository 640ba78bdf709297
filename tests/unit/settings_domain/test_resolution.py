"""The narrowest level that says something is heard, and otherwise it inherits."""

import pytest

from domain.settings import DEFAULT_LABEL, UNSET, Definition, Merge, SettingType, TraceState
from tests.unit.settings_domain.saying import ADA, answer, said, states, unset


@pytest.mark.req("ST71")
class TestInheritance:
    def test_tenant_value_reaches_the_user(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", None))
        assert (resolution.value, resolution.winner) == (20, "tenant")
        assert [(line.label, line.state, line.value) for line in resolution.trace] == [
            (DEFAULT_LABEL, TraceState.DEFAULT, 10),
            ("tenant", TraceState.SET, 20),
            ("user", TraceState.NONE, UNSET),
        ]

    def test_user_value_wins(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", said(30)))
        assert (resolution.value, resolution.winner) == (30, "user")

    def test_taking_it_back_inherits_again(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", unset()))
        assert (resolution.value, resolution.winner) == (20, "tenant")
        assert states(resolution) == ["default", "set", "unset"]

    def test_explicit_null_is_a_value(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", said(None)))
        assert (resolution.value, resolution.found, resolution.winner) == (None, True, "user")

    def test_default_stands_where_nobody_said_anything(self) -> None:
        resolution = answer(("tenant", None))
        assert (resolution.value, resolution.found, resolution.winner) == (10, True, DEFAULT_LABEL)

    def test_nothing_is_found_without_a_default(self) -> None:
        resolution = answer(("tenant", unset()), definition=Definition("a", SettingType.STRING))
        assert (resolution.value, resolution.found, resolution.winner) == (UNSET, False, None)
        assert states(resolution) == ["none", "unset"]
        assert resolution.won is None

    def test_null_default_is_found(self) -> None:
        resolution = answer(definition=Definition("a", SettingType.STRING, default=None, nullable=True))
        assert (resolution.value, resolution.found) == (None, True)

    def test_the_line_that_won_says_who_wrote_it(self) -> None:
        line = answer(("tenant", said(20)), ("user", None)).won
        assert line is not None
        assert line.entry is not None
        assert (line.label, line.entry.written_by, line.entry.reason) == ("tenant", ADA, "asked for")

    def test_same_value_again_is_the_narrower_ones(self) -> None:
        assert answer(("tenant", said(20)), ("user", said(20))).winner == "user"


class TestMerging:
    def test_levels_add_to_each_other(self) -> None:
        definition = Definition("roles", SettingType.LIST, merge=Merge.SET_UNION, default=["read"])
        resolution = answer(("tenant", said(["write"])), ("user", said(["read", "own"])), definition=definition)
        assert (resolution.value, resolution.winner) == (["read", "write", "own"], "user")

    def test_enforcement_ends_the_merge(self) -> None:
        definition = Definition("roles", SettingType.LIST, merge=Merge.APPEND, default=[1])
        resolution = answer(("tenant", said([2], enforced=True)), ("user", said([3])), definition=definition)
        assert resolution.value == [1, 2]

    def test_winner_is_whose_value_was_chosen(self) -> None:
        definition = Definition("limit", SettingType.INTEGER, merge=Merge.MIN, default=100)
        resolution = answer(("tenant", said(20)), ("company", said(20)), ("user", said(30)), definition=definition)
        assert (resolution.value, resolution.winner) == (20, "tenant")


class TestDurations:
    def test_length_is_told_in_seconds(self) -> None:
        definition = Definition("timeout", SettingType.DURATION, default="PT5M", nullable=True)
        assert answer(definition=definition).seconds == 300
        assert answer(("tenant", said(None)), definition=definition).seconds is None

    def test_other_texts_have_no_length(self) -> None:
        assert answer(definition=Definition("text", SettingType.STRING, default="PT5M")).seconds is None
