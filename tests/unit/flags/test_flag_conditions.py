"""A condition holds for whom it describes, a split is made as it is written; faults are told at their places."""

from itertools import pairwise
from typing import Any

import pytest

from domain.flags import parse_definition
from domain.flags.limits import DEEPEST
from tests.unit.flags.authored import SEGMENTS, authored, compiled, faults_of, holds, served


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
