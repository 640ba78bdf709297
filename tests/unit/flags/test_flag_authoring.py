"""What people write of a flag becomes flagd's form by one order of precedence; faults are told at their places."""

import json
from itertools import pairwise
from typing import Any

import pytest

from domain.errors import Invalid
from domain.flags import Bucketing, FlagSet, compile_flag_set, parse_definition, parse_evaluators
from domain.flags.authoring import plain, plain_rule
from domain.flags.evaluators import rules_of
from domain.flags.limits import DEEPEST, MOST_NODES
from domain.flags.publishing import published

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": "N", "off": "F", "blue": "B"}}
WHOLE: dict[str, Any] = {
    "on": True,
    "off": "off",
    "force": {"attribute": "tenant", "off": ["acme", "both"], "on": {"blue": ["globex", "both"], "on": [7]}},
    "targets": {"on": ["ann", "cy"], "off": ["bob"]},
    "rules": [
        {"when": {"attribute": "country", "is": ["DE", "AT"]}, "serve": "blue"},
        {"when": {"segment": "beta"}, "serve": "on", "description": "who helps us"},
        {"when": {"attribute": "plan", "is": ["half"]}, "serve": {"split": [["on", 50], ["blue", 50]]}},
    ],
    "serve": "off",
}
BASKET: dict[str, Any] = {
    "state": "ENABLED", "variants": {"new": 2, "old": 1},
    "authoring": {"targets": {"new": ["ann", "bob", "zoe"]}, "serve": "old"},
}  # fmt: skip
SEGMENTS: dict[str, Any] = {
    "beta": {
        "segment": {
            "description": "who helps us", "owner": "shop", "include": ["ivy"], "exclude": ["eve"],
            "when": {"attribute": "email", "endsWith": ["@example.com"]},
        }
    }
}  # fmt: skip


NEEDS = {"prerequisites": [{"flag": "basket", "variants": ["new"]}], "serve": "blue"}


def authored(**authoring: Any) -> dict[str, Any]:
    return {**FLAG, "authoring": authoring}


def compiled(definition: Any, evaluators: Any) -> FlagSet:
    flags, shared = published({"f": definition, "basket": BASKET}, evaluators or {}, Bucketing.V3)
    return compile_flag_set(flags, revision=1, now=lambda: 0.0, evaluators=shared)


def served(definition: Any, evaluators: Any = None, **context: Any) -> Any:
    return compiled(definition, evaluators).evaluate("f", context).variant


def holds(when: Any, **context: Any) -> bool:
    definition = authored(rules=[{"when": when, "serve": "on"}], serve="off")
    parse_definition(definition)
    return bool(served(definition, **context) == "on")


def faults_of(definition: Any, **evaluators: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        parse_definition(definition, evaluators=evaluators)
    return {fault.path: fault.message for fault in refusal.value.faults}


@pytest.mark.req("FR-SM-012")
class TestPrecedence:
    @pytest.mark.parametrize(
        ("changes", "context", "variant"),
        [
            ({}, {"tenant": "acme", "targetingKey": "ann", "country": "DE"}, "off"),
            ({}, {"tenant": "both", "targetingKey": "ann"}, "off"),
            ({}, {"tenant": "globex", "targetingKey": "bob"}, "blue"),
            ({}, {"tenant": 7, "targetingKey": "bob"}, "on"),
            ({"on": False}, {"tenant": "acme"}, "off"),
            ({"on": False}, {"tenant": "globex"}, "blue"),
            ({"on": False}, {"targetingKey": "ann", "country": "DE"}, "off"),
            ({"on": False, "serve": "on"}, {"targetingKey": "ivy"}, "off"),
            ({}, {"targetingKey": "ann", "country": "DE"}, "on"),
            ({}, {"targetingKey": "bob", "country": "DE"}, "off"),
            ({}, {"targetingKey": "ivy", "country": "DE"}, "blue"),
            ({}, {"targetingKey": "ivy", "country": "US"}, "on"),
            ({}, {"targetingKey": "dan", "email": "d@example.com", "plan": "half"}, "on"),
            ({}, {"targetingKey": "eve", "email": "e@example.com"}, "off"),
            ({}, {"targetingKey": "zoe"}, "off"),
            ({}, {}, "off"),
            ({"serve": "blue"}, {"targetingKey": "zoe"}, "blue"),
            (NEEDS, {"targetingKey": "ann"}, "on"),
            (NEEDS, {"targetingKey": "cy", "country": "DE"}, "off"),
            (NEEDS, {"targetingKey": "cy", "tenant": "globex"}, "blue"),
            (NEEDS, {"targetingKey": "zoe"}, "blue"),
            (NEEDS, {"targetingKey": "dan"}, "off"),
        ],
    )
    def test_the_first_that_says_something_about_a_context_decides(
        self, changes: Any, context: Any, variant: str
    ) -> None:
        definition = authored(**{**WHOLE, **changes})
        parse_definition(definition, evaluators=SEGMENTS)
        assert served(definition, SEGMENTS, **context) == variant

    def test_a_disabled_flag_serves_nobody(self) -> None:
        assert served({**authored(**WHOLE), "state": "DISABLED"}, SEGMENTS, tenant="globex") is None

    def test_who_does_not_meet_the_prerequisites_is_after_who_is_forced(self) -> None:
        needs = [{"flag": "basket", "variants": ["on", "new"]}, {"flag": "search", "variants": ["on"]}]
        rule = plain(authored(off="off", force=WHOLE["force"], prerequisites=needs, targets={"on": ["ann"]}))[
            "targeting"
        ]
        steps = list(zip(rule["if"][::2], rule["if"][1::2], strict=True))
        assert [variant for _, variant in steps] == ["off", "blue", "on", "off", "on"]
        assert steps[3][0] == {"!": [{"and": [{"$flag": ["basket", "on", "new"]}, {"$flag": ["search", "on"]}]}]}

    def test_of_two_variants_the_list_of_who_is_forced_on_needs_no_name(self) -> None:
        definition = {**authored(off="off", force={"attribute": "tenant", "on": ["globex"]}, serve="off"),
                      "variants": {"on": True, "off": False}}  # fmt: skip
        parse_definition(definition)
        assert served(definition, tenant="globex") == "on"
        assert served(definition, tenant="acme") == "off"


class TestPlain:
    def test_what_is_plain_comes_back_as_it_is(self) -> None:
        definition = {**FLAG, "targeting": {"if": [True, "on"]}}
        assert plain(definition) is definition
        rule = {"var": "x"}
        assert plain_rule(rule) is rule

    def test_is_nothing_but_flagd(self) -> None:
        made = plain({**authored(serve="on", owner="shop"), "metadata": {"ticket": 7}})
        assert made == {**FLAG, "defaultVariant": "on", "metadata": {"ticket": 7, "owner": "shop"}}
        assert plain(authored()) == FLAG

    def test_does_not_depend_on_the_order_of_names(self) -> None:
        """A database gives the members of an object back in an order of its own."""
        definition = authored(**WHOLE)
        again = json.loads(json.dumps(definition, sort_keys=True))
        assert json.dumps(plain(definition)["targeting"]) == json.dumps(plain(again)["targeting"])

    def test_the_definition_is_kept_as_it_was_written(self) -> None:
        definition = {**authored(**WHOLE), "metadata": {"ticket": 7}, "defaultVariant": "off"}
        stored = parse_definition(definition, evaluators=SEGMENTS)
        assert stored.canonical == definition
        assert parse_definition(stored.canonical, evaluators=SEGMENTS).canonical == definition
        assert (stored.default_variant, stored.targeting) == ("off", plain(definition)["targeting"])

    @pytest.mark.req("FR-SM-010")
    def test_what_people_say_about_it_is_metadata(self) -> None:
        said = {
            "description": "d",
            "owner": "shop",
            "tags": ["a", "b c"],
            "expectedLifetimeDays": 90,
            "permanent": False,
        }
        definition = authored(**said)
        assert parse_definition(definition).metadata == {**said, "tags": "a,b c"}
        clash = {**definition, "metadata": {"owner": "else", "ticket": 7}}
        assert faults_of(clash) == {"/metadata/owner": "is said under authoring"}


@pytest.mark.req("FR-SM-012")
class TestConditions:
    @pytest.mark.parametrize(
        ("when", "inside", "outside"),
        [
            ({"users": ["ann", "bob"]}, [{"targetingKey": "bob"}], [{"targetingKey": "cy"}, {}]),
            ({"users": ["7"], "attribute": "account"}, [{"account": "7"}], [{"targetingKey": "7"}, {"account": 7}]),
            ({"attribute": "ip", "addresses": ["10.0.0.0/8", "2001:db8::/32"]},
             [{"ip": "10.9.8.7"}, {"ip": "2001:db8::"}],
             [{"ip": "11.0.0.1"}, {"ip": "::1"}, {"ip": 10}, {}]),
            ({"attribute": "n", "is": ["DE", 7]}, [{"n": "DE"}, {"n": 7}], [{"n": "7"}, {"n": None}, {}]),
            ({"attribute": "n", "isNot": ["DE"]}, [{"n": "AT"}, {}], [{"n": "DE"}]),
            ({"attribute": "n", "contains": ["b", "z"]}, [{"n": "ab"}, {"n": ["a", "b"]}], [{"n": "c"}, {"n": []}, {}]),
            ({"attribute": "n", "startsWith": ["a", "b"]}, [{"n": "abc"}, {"n": "bcd"}], [{"n": "cab"}, {"n": 1}, {}]),
            ({"attribute": "n", "endsWith": ["a", "b"]}, [{"n": "cab"}], [{"n": "abc"}, {}]),
            ({"attribute": "n", "lessThan": 5}, [{"n": 4.5}, {"n": -1}], [{"n": 5}, {"n": "4"}, {"n": None}, {}]),
            ({"attribute": "n", "atMost": 5}, [{"n": 5}], [{"n": 6}, {}]),
            ({"attribute": "n", "atLeast": 5}, [{"n": 5}], [{"n": 4}, {"n": "6"}, {}]),
            ({"attribute": "n", "greaterThan": -5}, [{"n": 0}], [{"n": -5}, {}, {"n": []}]),
            ({"attribute": "v", "version": ["^", "2.1.0"]}, [{"v": "2.9.9"}], [{"v": "3.0.0"}, {"v": "x"}, {}]),
            ({"attribute": "v", "exists": True}, [{"v": ""}, {"v": 0}], [{"v": None}, {}]),
            ({"attribute": "v", "exists": False}, [{}], [{"v": 0}]),
            ({"attribute": "user.plan", "is": ["gold"]}, [{"user": {"plan": "gold"}}], [{"user": 1}]),
            ({"rule": {"==": [{"var": "a"}, {"var": "b"}]}}, [{"a": 1, "b": 1}], [{"a": 1, "b": 2}]),
            ({"all": [{"attribute": "a", "is": [1]}, {"attribute": "b", "is": [1]}]}, [{"a": 1, "b": 1}], [{"a": 1}]),
            ({"any": [{"attribute": "a", "is": [1]}, {"attribute": "b", "is": [1]}]}, [{"a": 1}, {"b": 1}], [{"a": 2}]),
            ({"not": {"any": [{"users": ["ann"]}]}}, [{"targetingKey": "bob"}, {}], [{"targetingKey": "ann"}]),
        ],
    )  # fmt: skip
    def test_hold_for_whom_they_describe(self, when: Any, inside: list[Any], outside: list[Any]) -> None:
        assert [holds(when, **context) for context in inside] == [True] * len(inside)
        assert [holds(when, **context) for context in outside] == [False] * len(outside)

    @pytest.mark.parametrize(
        ("when", "path"),
        [
            ("DE", ""),
            ({}, ""),
            ({"attribute": "country"}, ""),
            ({"users": ["a"], "segment": "beta"}, ""),
            ({"users": []}, "/users"),
            ({"attribute": "ip", "addresses": ["10.0.0.0/8", "10.0.0.1/8"]}, "/addresses/1"),
            ({"addresses": ["10.0.0.0/8"]}, "/attribute"),
            ({"users": ["a", ""]}, "/users/1"),
            ({"is": ["DE"]}, "/attribute"),
            ({"attribute": "", "is": ["DE"]}, "/attribute"),
            ({"attribute": "c", "is": "DE"}, "/is"),
            ({"attribute": "c", "is": [None]}, "/is/0"),
            ({"attribute": "c", "is": [["DE"]]}, "/is/0"),
            ({"attribute": "c", "contains": [1]}, "/contains/0"),
            ({"attribute": "c", "atLeast": "5"}, "/atLeast"),
            ({"attribute": "c", "atLeast": True}, "/atLeast"),
            ({"attribute": "c", "version": ">= 1.0.0"}, "/version"),
            ({"attribute": "c", "version": ["=>", "1.0.0"]}, "/version"),
            ({"attribute": "c", "version": [">=", "one"]}, "/version"),
            ({"attribute": "c", "exists": 1}, "/exists"),
            ({"segment": "nobody"}, "/segment"),
            ({"segment": "beta", "attribute": "x"}, "/attribute"),
            ({"all": []}, "/all"),
            ({"any": [{"users": ["a"]}, {"not": {}}]}, "/any/1/not"),
            ({"rule": {"regex": [1]}}, "/rule/regex"),
            ({"users": ["\ud800"]}, "/users/0"),
        ],
    )
    def test_faults_are_told_at_their_place(self, when: Any, path: str) -> None:
        definition = authored(rules=[{"when": when, "serve": "on"}])
        assert list(faults_of(definition, **SEGMENTS)) == [f"/authoring/rules/0/when{path}"]

    def test_are_nested_as_deep_as_a_rule_may_be(self) -> None:
        when: Any = {"users": ["a"]}
        for _ in range(10_000):
            when = {"not": when}
        (path,) = faults_of(authored(rules=[{"when": when, "serve": "on"}]))
        assert path == "/authoring/rules/0/when" + "/not" * (DEEPEST - 1)


@pytest.mark.req("FR-SM-012")
class TestSplit:
    def test_a_share_that_rises_only_adds_subjects(self) -> None:
        people = [f"user-{n}" for n in range(1_000)]

        def reached(percent: float) -> set[str]:
            definition = authored(serve={"split": [["on", percent], ["blue", 10], ["off", 90 - percent]]})
            parse_definition(definition)
            flags = compiled(definition, None)
            return {each for each in people if flags.evaluate("f", {"targetingKey": each}).variant == "on"}

        groups = [reached(percent) for percent in (0, 0.125, 12.5, 33.333, 90)]
        assert all(small <= large for small, large in pairwise(groups))
        assert groups[0] == set()
        assert 250 < len(groups[3]) < 420

    def test_is_by_the_targeting_key_or_by_an_attribute(self) -> None:
        halves = [["on", 50], ["blue", 50]]
        by_person = {**authored(serve={"split": halves}), "defaultVariant": "off"}
        by_team = {**authored(serve={"split": halves, "by": "team"}), "defaultVariant": "off"}
        assert {served(by_person, targetingKey=f"u{n}", team="x") for n in range(50)} == {"on", "blue"}
        assert len({served(by_team, targetingKey=f"u{n}", team="x") for n in range(50)}) == 1
        assert {served(by_team, team=f"t{n}") for n in range(50)} == {"on", "blue"}
        assert (served(by_person), served(by_team, targetingKey="u1")) == ("off", "off")

    @pytest.mark.parametrize(
        ("serve", "paths"),
        [
            ("green", [""]),
            (None, [""]),
            ({}, ["/split"]),
            ({"split": [["on", 100]], "percent": 5}, ["/percent"]),
            ({"split": [["on", 100]], "by": ""}, ["/by"]),
            ({"split": {"on": 100}}, ["/split"]),
            ({"split": [["on", 60], ["off", 39.999]]}, ["/split"]),
            ({"split": [["on", 50], ["on", 50]]}, ["/split"]),
            ({"split": [["on"], ["off", 100]]}, ["/split/0"]),
            ({"split": [["green", 50], ["off", 50]]}, ["/split/0/0"]),
            ({"split": [["on", 0.0001], ["off", 100]]}, ["/split/0/1"]),
            ({"split": [["on", -1], ["off", 100]]}, ["/split/0/1"]),
            ({"split": [["on", True], ["off", 100]]}, ["/split/0/1"]),
        ],
    )
    def test_faults_are_told_at_their_place(self, serve: Any, paths: list[str]) -> None:
        assert list(faults_of(authored(serve=serve))) == [f"/authoring/serve{path}" for path in paths]


class TestFaults:
    @pytest.mark.parametrize(
        ("authoring", "paths"),
        [
            (None, [""]),
            ({"served": "on"}, ["/served"]),
            ({"description": 1, "owner": "", "permanent": "no"}, ["/description", "/owner", "/permanent"]),
            ({"tags": "a"}, ["/tags"]),
            ({"tags": ["a", "b,c", " d", "a"]}, ["/tags/1", "/tags/2", "/tags/3"]),
            ({"expectedLifetimeDays": 0}, ["/expectedLifetimeDays"]),
            ({"on": 1}, ["/off", "/on"]),
            ({"on": False}, ["/off"]),
            ({"off": "green"}, ["/off"]),
            ({"force": {"attribute": "t", "off": ["a"]}}, ["/off"]),
            ({"off": "off", "force": {"off": ["a"]}}, ["/force/attribute"]),
            ({"off": "off", "force": {"attribute": "t", "on": ["a"]}}, ["/force/on"]),
            ({"off": "off", "force": {"attribute": "t", "on": {"green": ["a"]}}}, ["/force/on/green"]),
            ({"force": {"attribute": "t", "on": {"on": ["a"], "blue": ["b", "a"]}}}, ["/force/on/on/0"]),
            ({"prerequisites": [{"flag": "x", "variants": ["on"]}]}, ["/off"]),
            ({"off": "off", "prerequisites": [{"flag": "x"}]}, ["/prerequisites/0/variants"]),
            ({"off": "off", "prerequisites": {"x": "on"}}, ["/prerequisites"]),
            ({"conflicts": ["a", "a"]}, ["/conflicts"]),
            ({"targets": {"on": ["a"], "off": ["a"]}}, ["/targets/on/0"]),
            ({"targets": {"on": [1]}}, ["/targets/on/0"]),
            ({"targets": ["a"]}, ["/targets"]),
            ({"rules": [{"when": {"users": ["a"]}}]}, ["/rules/0/serve"]),
            ({"rules": [{"serve": "on", "description": ""}]}, ["/rules/0/description", "/rules/0/when"]),
        ],
    )
    def test_are_told_at_their_place(self, authoring: Any, paths: list[str]) -> None:
        assert list(faults_of({**FLAG, "authoring": authoring})) == [f"/authoring{path}" for path in paths]

    def test_a_flag_is_authored_or_has_targeting(self) -> None:
        assert list(faults_of({**authored(), "targeting": {"if": [True, "on"]}})) == ["/targeting"]

    def test_are_told_while_the_flag_is_off(self) -> None:
        off = {"on": False, "off": "off", "serve": "on", "rules": [{"when": {"segment": "none"}, "serve": "on"}]}
        assert list(faults_of({**authored(**off), "defaultVariant": "off"})) == [
            "/authoring/rules/0/when/segment", "/authoring/serve",
        ]  # fmt: skip

    def test_serve_and_default_do_not_contradict_each_other(self) -> None:
        assert list(faults_of({**authored(serve="on"), "defaultVariant": "off"})) == ["/authoring/serve"]

    def test_every_fault_of_the_definition_is_told_at_once(self) -> None:
        wrong = {"state": "on", "variants": {"on": None}, "authoring": {"serve": "off", "rules": []}, "extra": 1}
        assert list(faults_of(wrong)) == ["/authoring/rules", "/authoring/serve", "/extra", "/state", "/variants/on"]

    def test_what_becomes_too_large_is_refused_as_a_whole(self) -> None:
        people = [f"u{n}" for n in range(MOST_NODES)]
        assert list(faults_of(authored(targets={"on": people}))) == ["/authoring"]


class TestSegments:
    @pytest.mark.parametrize(
        ("who", "inside"),
        [("ivy", True), ("eve", False), ("x", False)],
    )
    def test_who_is_excluded_is_out_and_who_is_included_is_in(self, who: str, inside: bool) -> None:  # noqa: FBT001
        definition = authored(rules=[{"when": {"segment": "beta"}, "serve": "on"}], serve="off")
        assert (served(definition, SEGMENTS, targetingKey=who) == "on") is inside

    def test_of_those_who_are_not_named_the_described_are_in(self) -> None:
        definition = authored(rules=[{"when": {"segment": "beta"}, "serve": "on"}], serve="off")
        email = "x@example.com"
        assert served(definition, SEGMENTS, targetingKey="x", email=email) == "on"
        assert served(definition, SEGMENTS, targetingKey="eve", email=email) == "off"

    def test_may_be_about_another_attribute(self) -> None:
        segments = {"large": {"segment": {"attribute": "tenant", "include": ["acme"]}}}
        assert parse_evaluators(segments) == segments
        definition = authored(rules=[{"when": {"segment": "large"}, "serve": "on"}], serve="off")
        assert served(definition, segments, tenant="acme", targetingKey="x") == "on"

    def test_are_named_also_by_a_flag_that_is_off(self) -> None:
        definition = authored(on=False, off="off", rules=[{"when": {"segment": "beta"}, "serve": "on"}])
        assert "targeting" not in plain(definition)
        assert rules_of(definition) == {"beta"}

    def test_are_kept_as_they_were_written_beside_rules(self) -> None:
        assert parse_evaluators({**SEGMENTS, "all": True}) == {**SEGMENTS, "all": True}

    @pytest.mark.parametrize(
        ("segment", "path"),
        [
            ([], ""),
            ({}, ""),
            ({"exclude": ["eve"]}, ""),
            ({"include": ["a"], "owner": 1}, "/owner"),
            ({"include": "a"}, "/include"),
            ({"include": ["a"], "who": 1}, "/who"),
            ({"when": {"segment": "other"}}, "/when/segment"),
            ({"when": {"rule": {"$ref": "other"}}}, "/when/rule/$ref"),
        ],
    )
    def test_faults_are_told_at_their_place(self, segment: Any, path: str) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_evaluators({"beta": {"segment": segment}, "other": True})
        assert {fault.path for fault in refusal.value.faults} == {f"/beta/segment{path}"}
