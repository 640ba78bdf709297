"""What is authored is published as plain flagd JSON; of flags that need each other only those that are touched."""

from typing import Any

import pytest

from domain.flags import Bucketing, compile_flag_set
from domain.flags.linking import link_faults
from domain.flags.publishing import holds, published, published_set

V2, V3 = Bucketing.V2, Bucketing.V3
PLAIN: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
STAFF = {"ends_with": [{"var": "email"}, "@example.org"]}
BASE = {**PLAIN, "targeting": {"if": [STAFF, "on"]}}


def needing(key: str, *variants: str, **more: Any) -> dict[str, Any]:
    return {**PLAIN, "targeting": {"if": [{"$flag": [key, *(variants or ("on",))]}, "on"]}, **more}


def given(flags: dict[str, Any], key: str, bucketing: Bucketing = V3, **context: Any) -> str | None:
    plain, shared = published(flags, {}, bucketing)
    compiled = compile_flag_set(plain, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=shared)
    return compiled.evaluate(key, context).variant


def faults(flags: dict[str, Any], *written: str, bucketing: Bucketing = V3, **shared: Any) -> dict[str, list[Any]]:
    found = link_faults(flags, shared, bucketing, written)
    return {key: [(fault.path, fault.message) for fault in each] for key, each in found.items()}


@pytest.mark.req("FP1")
class TestPublished:
    def test_what_is_plain_is_the_same_object(self) -> None:
        flags, shared = published({"base": BASE, "plain": PLAIN}, {"staff": STAFF}, V3)
        assert (flags["base"] is BASE, flags["plain"] is PLAIN, shared["staff"] is STAFF) == (True, True, True)

    def test_what_is_not_holds_no_operator_of_ours(self) -> None:
        ranged = {**PLAIN, "targeting": {"if": [{"ip_range": [{"var": "ip"}, "10.0.0.0/8"]}, "on"]}}
        flags, shared = published(
            {"ranged": ranged, "next": needing("ranged")}, {"inside": {"ip_range": [{"var": "ip"}, "10.0.0.0/8"]}}, V3
        )
        assert not holds([*flags.values(), *shared.values()], {"$flag", "ip_range"})
        assert given({"ranged": ranged, "next": needing("ranged")}, "next", ip="10.1.2.3") == "on"

    @pytest.mark.parametrize(
        ("base", "variant"),
        [
            (BASE, "on"),
            ({**BASE, "state": "DISABLED"}, "off"),
            ({**BASE, "metadata": {"archived": True}}, "off"),
            (None, "off"),
            ({**PLAIN, "defaultVariant": "on"}, "on"),
            ({**PLAIN, "variants": {"other": True}, "defaultVariant": "other"}, "off"),
        ],
    )
    def test_who_gives_nothing_meets_nothing(self, base: Any, variant: str) -> None:
        flags = {"next": needing("base")} | ({} if base is None else {"base": base})
        assert given(flags, "next", email="ada@example.org") == variant

    @pytest.mark.parametrize(
        ("value", "names"),
        [(1, "1"), (0, "0"), (1.5, "1.5"), (True, "true"), (False, "false"), ("true", "true"), ("1", "1"), ("on", "on"),
         (None, "on"), ("", None), ([], None), (["on"], None), ({}, None), (2, None), ("True", None)],
    )  # fmt: skip
    def test_what_only_a_context_tells_names_the_variant_that_it_names(self, value: Any, names: str | None) -> None:
        variants = {name: name for name in ("on", "1", "0", "1.5", "true", "false")}
        base = {"state": "ENABLED", "variants": variants, "defaultVariant": "on", "targeting": {"var": "x"}}
        flags = {"base": base} | {f"is {name}": needing("base", name) for name in variants}
        assert given(flags, "base", x=value) == names
        met = [name for name in variants if given(flags, f"is {name}", x=value) == "on"]
        assert met == ([names] if names else [])

    def test_a_prerequisite_alone_is_targeting_too(self) -> None:
        named = {"state": "ENABLED", "variants": {"true": "yes", "false": "no"}, "targeting": {"$flag": ["base", "on"]}}
        assert given({"base": BASE, "f": named}, "f", email="ada@example.org") == "true"
        assert given({"base": PLAIN, "f": named}, "f") == "false"

    def test_no_stored_set_is_too_wrong_to_be_served(self) -> None:
        """What a rollback may leave: a circle, and what hangs from it, is not met."""
        flags = {"a": needing("b"), "b": needing("a"), "c": needing("a"), "d": BASE}
        assert [given(flags, key, email="ada@example.org") for key in flags] == ["off", "off", "off", "on"]

    def test_nor_one_whose_shared_rules_went_back(self) -> None:
        flags = {"a": {**PLAIN, "targeting": {"if": [{"$ref": "gone"}, "on"]}}, "b": needing("a"), "c": live("a")}
        assert given(flags, "b") == "off"
        assert faults(flags, "b", "c")["b"][0][1].endswith("a shared rule 'gone' that is not there")

    @pytest.mark.parametrize("key", ["user-1", "user-2", "user-7"])
    def test_v2_says_a_split_without_a_subject(self, key: str) -> None:
        base = {**PLAIN, "targeting": {"fractional": [["on", 50], ["off", 50]]}}
        flags = {"base": base, "next": needing("base")}
        for context in ({"targetingKey": key}, {"targetingKey": ""}, {"targetingKey": 7}, {}):
            assert given(flags, "next", V2, **context) == (given(flags, "base", V2, **context) or "off")


@pytest.mark.req("FP1")
class TestAnew:
    def test_one_flag_and_those_that_need_it(self) -> None:
        flags = {"a": BASE, "b": needing("a"), "c": needing("b"), "d": needing("e"), "e": PLAIN}
        before = published_set(flags, {}, V3)
        after = before.with_flags({"a": {**BASE, "targeting": {"if": [{"!": [STAFF]}, "on"]}}})
        assert {key for key in flags if after.flags[key] is not before.flags[key]} == {"a", "b", "c"}
        assert after.flags == published_set({**flags, "a": after.flags["a"]}, {}, V3).flags
        gone = after.with_flags({"a": None, "b": {**needing("a"), "metadata": {"archived": True}}})
        assert gone.flags.keys() == {"c", "d", "e"}
        assert gone.flags["c"] == published_set({"c": flags["c"]}, {}, V3).flags["c"]


@pytest.mark.req("FP2")
class TestFaults:
    def test_a_flag_needs_what_is_there(self) -> None:
        flags = {"base": BASE, "a": needing("nobody"), "b": needing("base", "on", "blue")}
        at = "/targeting/if/0/$flag"
        assert faults(flags, "a", "b") == {
            "a": [(at, "no flag 'nobody' here")], "b": [(at, "the flag base has no variant 'blue'")],
        }  # fmt: skip

    def test_no_flag_needs_itself(self) -> None:
        flags = {"a": needing("c"), "b": needing("a"), "c": needing("b"), "d": needing("d")}
        at, no_more = "/targeting/if/0/$flag", "would not be valid any more: /targeting/if/0/$flag"
        assert faults(flags, "a", "d") == {
            "a": [
                (at, "a flag may not need itself: a, c, b, a"),
                ("", f"the flag b {no_more} a flag may not need itself: b, a, c, b"),
                ("", f"the flag c {no_more} a flag may not need itself: c, b, a, c"),
            ],
            "d": [(at, "a flag may not need itself: d, d")],
        }

    def test_chains_end_after_8_steps(self) -> None:
        flags = {"f0": BASE} | {f"f{n}": needing(f"f{n - 1}") for n in range(1, 10)}
        ((path, message),) = faults(flags, "f8")["f8"]
        assert (path, message.startswith("the flag f9 ")) == ("", True)
        assert message.endswith("flags may need each other over at most 8 steps")
        del flags["f9"]
        assert faults(flags, *flags) == {}
        assert given(flags, "f8", email="ada@example.org") == "on"

    def test_what_takes_its_ground_away_is_refused(self) -> None:
        flags = {"base": {**PLAIN, "variants": {"yes": True}, "defaultVariant": "yes"}, "next": needing("base")}
        assert faults(flags, "base")["base"][0][1].endswith("the flag base has no variant 'on'")
        del flags["base"]
        assert faults(flags, "base")["base"][0][1].endswith("no flag 'base' here")

    def test_a_split_without_a_subject_cannot_be_said_under_v3(self) -> None:
        shorthand = {"fractional": [["on", 50], ["off", 50]]}
        flags = {"base": {**PLAIN, "targeting": shorthand}, "next": needing("base")}
        for written in ("base", "next"):
            ((_, message),) = faults(flags, written)[written]
            assert "give the split a subject" in message
        assert faults(flags, "base", "next", bucketing=V2) == {}
        shared = {**PLAIN, "targeting": {"$ref": "share"}}
        assert faults({"base": shared, "next": needing("base")}, "next", share=shorthand).keys() == {"next"}

    def test_a_flag_that_reads_what_it_cannot_name_is_not_needed(self) -> None:
        for rule in ({"var": ""}, {"var": "$flagd"}, {"var": {"cat": ["a", {"var": "b"}]}}):
            flags = {"base": {**PLAIN, "targeting": {"if": [rule, "on"]}}, "next": needing("base")}
            assert faults(flags, "next").keys() == {"next"}

    def test_it_must_not_grow_too_large(self) -> None:
        large = {**PLAIN, "targeting": {"if": [{"in": [{"var": "id"}, [str(n) for n in range(3000)]]}, "on"]}}
        twice = {**PLAIN, "targeting": {"and": [{"$flag": ["base", "on"]}, {"$flag": ["base", "off"]}, "on"]}}
        ((path, message),) = faults({"base": large, "f": twice}, "f")["f"]
        assert (path, "5000 values" in message) == ("/targeting", True)
        assert given({"base": large, "f": twice}, "base", id="7") == "on"


def live(*conflicts: str, **more: Any) -> dict[str, Any]:
    authored = {"off": "off", "serve": "on"} | ({"conflicts": list(conflicts)} if conflicts else {})
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "authoring": {**authored, **more}}


@pytest.mark.req("SM-D6", "SM-D7")
class TestConflicts:
    def test_a_conflict_holds_on_both_sides(self) -> None:
        flags = {"a": live("b"), "b": live()}
        assert faults(flags, "a") == {
            "a": [("/authoring/conflicts/0", "conflicts with the flag b, and both would be live")]
        }
        assert faults(flags, "b") == {"b": [("/state", "conflicts with the flag a, and both would be live")]}
        assert faults(flags, "a", "b").keys() == {"a", "b"}

    @pytest.mark.parametrize(
        "other",
        [
            {**live(), "state": "DISABLED"}, live(on=False), live(serve="off"), PLAIN,
            {**PLAIN, "targeting": {"if": [STAFF, "off", {"var": "x"}]}, "variants": {"off": False}},
            {**PLAIN, "targeting": {"fractional": [["off", 100], ["on", 0]]}},
        ],
    )  # fmt: skip
    def test_what_gives_its_safe_variant_alone_is_in_nobodys_way(self, other: Any) -> None:
        assert faults({"a": live("b"), "b": other}, "a", "b") == {}

    @pytest.mark.parametrize(
        "other", [BASE, live(rules=[{"when": {"attribute": "x", "is": ["y"]}, "serve": "on"}], serve="off")]
    )
    def test_what_may_give_another_is(self, other: Any) -> None:
        assert faults({"a": live("b"), "b": other}, "a").keys() == {"a"}

    def test_without_an_off_variant_only_false_is_safe(self) -> None:
        colours = {"state": "ENABLED", "variants": {"blue": "b", "red": "r"}, "defaultVariant": "blue"}
        assert faults({"a": live("b"), "b": colours}, "a").keys() == {"a"}
