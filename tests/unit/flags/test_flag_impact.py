"""Of each context it is said that it changes, that it does not, or that this is not known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.flags.bucketing import Bucketing
from domain.flags.impact import Impact, Move, Outcome, SegmentImpact, Side, impact, share_between, touched
from domain.flags.redacted import Redaction
from domain.flags.sampling import tokens

OFF: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON = {**OFF, "defaultVariant": "on"}
GOLD = {"==": [{"var": "plan"}, "gold"]}
USERS = [{"targetingKey": f"u{n}", "plan": "gold" if n % 4 == 0 else "iron"} for n in range(200)]
REDACTION = Redaction(frozenset({"plan"}), frozenset({"targetingKey"}), tokens(b"s" * 32))


def targeted(rule: Any, **more: Any) -> dict[str, Any]:
    return {**OFF, "targeting": rule, **more}


def weigh(before: Any, after: Any, contexts: Any = USERS, **more: Any) -> Impact:
    sides = [each if isinstance(each, Side) else Side(each) for each in (before, after)]
    return impact(sides[0], sides[1], contexts, at=0.0, **more)


def numbers(of: Impact) -> tuple[int, int, int]:
    return of.changed, of.unchanged, of.unknown


@pytest.mark.req("BR2")
class TestImpact:
    def test_says_from_which_variant_to_which(self) -> None:
        found = weigh({"a": OFF}, {"a": targeted({"if": [GOLD, "on"]})})
        (flag,) = found.flags
        assert numbers(found) == (200, 0, 0)
        assert (flag.values, flag.variants) == (50, 50)
        assert flag.moves == (
            Move(Outcome("off", "STATIC"), Outcome("off", "DEFAULT"), 150),
            Move(Outcome("off", "STATIC"), Outcome("on", "TARGETING_MATCH"), 50),
        )
        assert [each.index for each in found.examples] == list(range(10))

    def test_a_value_counts_though_its_variant_has_the_same_name(self) -> None:
        sizes = {**OFF, "variants": {"on": 1, "off": 0}}
        (flag,) = weigh({"a": sizes}, {"a": {**sizes, "variants": {"on": 1, "off": -1}}}).flags
        assert (flag.values, flag.variants, flag.moves[0].before) == (200, 0, flag.moves[0].after)

    @pytest.mark.parametrize(
        ("before", "after", "move"),
        [
            ({}, {"a": ON}, (Outcome(None, "FLAG_NOT_FOUND"), Outcome("on", "STATIC"))),
            ({"a": ON}, {}, (Outcome("on", "STATIC"), Outcome(None, "FLAG_NOT_FOUND"))),
            ({"a": ON}, {"a": {**ON, "state": "DISABLED"}}, (Outcome("on", "STATIC"), Outcome(None, "DISABLED"))),
            ({"a": ON}, {"a": targeted({"var": "plan"})}, (Outcome("on", "STATIC"), Outcome(None, "GENERAL"))),
        ],
    )
    def test_flags_come_and_go_and_fail(self, before: Any, after: Any, move: Any) -> None:
        (flag,) = weigh(before, after).flags
        assert [(each.before, each.after) for each in flag.moves] == [move]

    def test_a_shared_rule_touches_every_flag_that_names_it(self) -> None:
        by_plan = targeted({"if": [{"$ref": "good"}, "on", "off"]})
        flags = {"a": by_plan, "b": by_plan, "c": OFF}
        iron = {"==": [{"var": "plan"}, "iron"]}
        before, after = Side(flags, {"good": GOLD}), Side(flags, {"good": iron, "new": GOLD})
        found = weigh(before, after)
        assert touched(before, after) == ["a", "b"]
        assert [(each.key, each.changed) for each in found.flags] == [("a", 200), ("b", 200)]
        assert (numbers(found), found.touched) == ((200, 0, 0), 2)
        assert found.segments == (SegmentImpact("good", 150, 150, 0),)

    def test_a_segment_tells_how_many_of_the_changed_are_in_it(self) -> None:
        shared = {"good": GOLD, "odd": {"==": [{"var": "phone"}, "1"]}}
        rule = {"if": [{"$ref": "good"}, "on", {"if": [{"$ref": "odd"}, "off", "off"]}]}
        before, after = Side({"a": targeted({"if": [True, "off"]})}, shared), Side({"a": targeted(rule)}, shared)
        found = weigh(before, after, redaction=REDACTION)
        assert numbers(found) == (50, 0, 150)
        assert found.segments == (SegmentImpact("good", 50, 50, 0), SegmentImpact("odd", 0, 0, 200))

    def test_another_bucketing_moves_most_and_no_share(self) -> None:
        split = {"a": targeted({"fractional": [["on", 50], ["off", 50]]}), "b": OFF}
        contexts = [{"targetingKey": f"u{n}"} for n in range(1_000)]
        found = weigh(Side(split, bucketing=Bucketing.V2), Side(split, bucketing=Bucketing.V3), contexts)
        there, back = (each.times for each in found.flags[0].moves)
        assert 400 < found.changed < 600
        assert abs(there - back) < 100
        assert (found.flags[1].key, found.flags[1].changed) == ("b", 0)

    def test_a_rule_reads_the_same_moment_on_both_sides(self) -> None:
        ramp = targeted({"if": [{"<": [{"var": "$flagd.timestamp"}, 100]}, "on", "off"]})
        assert impact(Side({"a": OFF}), Side({"a": ramp}), [{}], at=99.0).flags[0].values == 1
        assert impact(Side({"a": OFF}), Side({"a": ramp}), [{}], at=100.0).flags[0].values == 0

    def test_of_many_flags_fewer_contexts_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("domain.flags.impact.MOST_EVALUATIONS", 100)
        flags = {f"f{n}": OFF for n in range(20)}
        found = weigh(flags, dict.fromkeys(flags, ON))
        assert (found.contexts, found.changed, found.touched) == (5, 5, 20)

    def test_nothing_that_was_not_kept_counts_as_unchanged(self) -> None:
        beta = targeted({"if": [{"ends_with": [{"var": "email"}, "@shop.test"]}, "on", "off"]})
        found = weigh({"a": OFF, "b": OFF}, {"a": beta, "b": OFF}, redaction=REDACTION)
        assert (numbers(found), found.between) == ((0, 0, 200), None)

    def test_a_context_that_changes_at_one_flag_changes(self) -> None:
        flags = {"a": targeted({"var": "email"}), "b": ON}
        found = weigh({"a": OFF, "b": OFF}, flags, redaction=REDACTION)
        assert (numbers(found), [each.unknown for each in found.flags]) == ((200, 0, 0), [0, 200])


RULES = st.sampled_from(
    [
        {"if": [True, "on"]},
        {"if": [GOLD, "on", "off"]},
        {"if": [{"==": [{"var": "email"}, "a"]}, "on"]},
        {"if": [{"in": [{"var": "targetingKey"}, ["u1", "u2"]]}, "on"]},
        {"fractional": [["on", 30], ["off", 70]]},
        {"if": [GOLD, {"var": "email"}, "off"]},
    ]
)
FLAGS = st.dictionaries(
    st.sampled_from("abc"),
    st.one_of(st.sampled_from([OFF, ON, {**ON, "state": "DISABLED"}]), RULES.map(targeted)),
)


@pytest.mark.req("BR2")
class TestNumbers:
    @given(before=FLAGS, after=FLAGS, redacted=st.booleans(), many=st.integers(0, 12))
    def test_they_add_up_and_there_and_back_are_the_same(
        self, before: Any, after: Any, *, redacted: bool, many: int
    ) -> None:
        more = {"redaction": REDACTION if redacted else None}
        there, back = weigh(before, after, USERS[:many], **more), weigh(after, before, USERS[:many], **more)
        assert sum(numbers(there)) == there.contexts == many
        assert numbers(there) == numbers(back)
        assert there.changed <= sum(flag.changed for flag in there.flags) <= there.changed * max(1, there.touched)
        for flag in there.flags:
            assert flag.changed + flag.unchanged + flag.unknown == many
            assert sum(move.times for move in flag.moves) == flag.changed >= max(flag.values, flag.variants)
            (other,) = (each for each in back.flags if each.key == flag.key)
            assert {(each.before, each.after, each.times) for each in flag.moves} == {
                (each.after, each.before, each.times) for each in other.moves
            }

    def test_of_none_the_rule_of_three_holds(self) -> None:
        assert share_between(0, 1_000) == pytest.approx((0.0, 0.003))
        assert share_between(1_000, 1_000) == pytest.approx((0.997, 1.0))
        assert share_between(0, 1) == (0.0, 1.0)

    def test_of_some_the_interval_is_that_of_wilson(self) -> None:
        """The 10 of 100 of every textbook."""
        assert share_between(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)

    @given(known=st.integers(1, 1_000), data=st.data())
    def test_the_share_that_was_found_lies_in_it(self, known: int, data: st.DataObject) -> None:
        changed = data.draw(st.integers(0, known))
        low, high = share_between(changed, known)
        assert 0.0 <= low <= changed / known <= high <= 1.0
