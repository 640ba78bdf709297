"""What people write of a flag becomes flagd's form by one order of precedence; faults are told at their places."""

import json
from typing import Any

import pytest

from domain.errors import Invalid
from domain.flags import parse_definition, parse_evaluators
from domain.flags.authoring import plain, plain_rule
from domain.flags.evaluators import rules_of
from domain.flags.limits import MOST_NODES
from tests.unit.flags.authored import FLAG, SEGMENTS, authored, faults_of, served

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
NEEDS = {"prerequisites": [{"flag": "basket", "variants": ["new"]}], "serve": "blue"}


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
            ({"expectedLifetimeDays": 2**53}, ["/expectedLifetimeDays"]),
            ({"tags": ["a" * 6_000, "b" * 6_000]}, ["/tags"]),
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
        assert list(faults_of({**authored(serve="on"), "defaultVariant": {}})) == [
            "/authoring/serve",
            "/defaultVariant",
        ]
        wrong = {**authored(serve="on"), "defaultVariant": ["on"], "metadata": []}
        assert list(faults_of(wrong)) == ["/authoring/serve", "/defaultVariant", "/metadata"]

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
