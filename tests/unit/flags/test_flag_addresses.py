"""Networks are checked where they are written, and what they become is small enough for a rule."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import Invalid
from domain.flags import parse_definition
from domain.flags.addresses import MOST_NETWORKS, lowered
from domain.flags.limits import MOST_NODES
from domain.flags.rules import AUTHORED, nodes_of

pytestmark = pytest.mark.req("FR-SM-012")

WHERE = {"var": "ip"}


def flag(rule: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "targeting": {"if": [rule, "on", "off"]}}


def faults(rule: Any, authored: frozenset[str] = AUTHORED) -> list[tuple[str, str]]:
    try:
        parse_definition(flag(rule), authored=authored)
    except Invalid as refusal:
        return [(each.path.removeprefix("/targeting/if/0"), each.message) for each in refusal.faults]
    return []


class TestWritten:
    @pytest.mark.parametrize(
        "network",
        ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.7", "192.0.2.7/32", "2001:db8::/32", "2001:DB8::/33", "::", "::/0",
         "2001:db8::1/128", "::ffff:10.0.0.0/104"],
    )  # fmt: skip
    def test_a_network_or_an_address(self, network: str) -> None:
        assert faults({"ip_range": [WHERE, network]}) == []

    @pytest.mark.parametrize(
        "network",
        ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "10.0.0.256",
         "010.0.0.0/8", "10.0.0.0/8 ", "2001:db8::/129", "2001:db8:::/32", "fe80::1%eth0", "fe80::%1/64", "host", "/8",
         None, 10, True, {}, ["10.0.0.0/8"], WHERE],
    )  # fmt: skip
    def test_anything_else_is_refused_where_it_stands(self, network: Any) -> None:
        ((path, message),) = faults({"ip_range": [WHERE, "10.0.0.0/8", network]})
        assert (path, message[:18]) == ("/ip_range/2", "expected a network")

    @pytest.mark.parametrize(
        ("network", "whole"),
        [("10.1.2.3/8", "10.0.0.0/8"), ("10.0.0.1/31", "10.0.0.0/31"), ("2001:db8::1/32", "2001:db8::/32"),
         ("::1/127", "::/127"), ("128.0.0.0/0", "0.0.0.0/0")],
    )  # fmt: skip
    def test_bits_behind_the_prefix_are_named_with_what_was_meant(self, network: str, whole: str) -> None:
        assert faults({"ip_range": [WHERE, network]}) == [
            ("/ip_range/1", f"has bits set behind its prefix; the network is {whole}")
        ]

    @pytest.mark.parametrize("operands", [None, "10.0.0.0/8", {}, [], [WHERE]])
    def test_without_networks_it_says_nothing(self, operands: Any) -> None:
        assert faults({"ip_range": operands}) == [("/ip_range", "expected a value and at least one network")]

    def test_there_are_no_more_than_so_many(self) -> None:
        assert faults({"ip_range": [WHERE, *["10.0.0.0/8"] * (MOST_NETWORKS + 1)]}) == [
            ("/ip_range", f"expected at most {MOST_NETWORKS} networks")
        ]

    def test_the_value_is_a_rule_like_any_other(self) -> None:
        assert faults({"ip_range": [{"nonsense": 1}, "10.0.0.0/8"]}) == [
            ("/ip_range/0/nonsense", "unknown operator 'nonsense'")
        ]

    def test_a_published_rule_has_none(self) -> None:
        assert faults({"ip_range": [WHERE, "10.0.0.0/8"]}, frozenset())[0][1] == "unknown operator 'ip_range'"


def several(count: int) -> list[str]:
    """Apart, of both families, and cut within a digit."""
    half = count // 2
    four = [f"10.{each}.128.0/17" for each in range(half)]
    return four + [f"2001:db8:{each:x}:8000::/49" for each in range(0, 2 * (count - half), 2)]


class TestPublished:
    def test_a_hundred_networks_take_a_third_of_a_rule(self) -> None:
        assert nodes_of(lowered([WHERE, *several(100)])) < MOST_NODES // 3

    @pytest.mark.parametrize(
        "networks",
        [several(MOST_NETWORKS), [f"10.{each}.0.0/17" for each in range(MOST_NETWORKS)],
         [f"2001:db8:{each:x}::/49" for each in range(MOST_NETWORKS)],
         [f"::ffff:10.{each}.0.0/113" for each in range(MOST_NETWORKS)]],
        ids=["both", "four", "six", "mapped"],
    )  # fmt: skip
    def test_as_many_as_there_may_be_are_a_valid_rule(self, networks: list[str]) -> None:
        operands = [WHERE, *networks]
        assert faults({"ip_range": operands}) == []
        assert faults(lowered(operands), frozenset()) == []

    def test_what_would_be_too_large_is_refused_as_it_is_written(self) -> None:
        each = {"ip_range": [WHERE, *several(MOST_NETWORKS)]}
        ((path, message),) = faults({"or": [each] * 4})
        assert (path[:4], message) == ("/or/", f"expected at most {MOST_NODES} values and operators in a rule")
        assert len(faults({"or": [lowered(each["ip_range"])] * 4}, frozenset())) == 1

    @pytest.mark.parametrize("ranges", [1, 10])
    def test_as_deep_as_a_rule_may_be_it_is_not_too_deep_when_published(self, ranges: int) -> None:
        def within(levels: int, range_of: Callable[[list[Any]], Any]) -> Any:
            """Ranges within the values of ranges, and all of them below some levels."""
            rule: Any = WHERE
            for level in range(ranges + levels):
                rule = range_of([rule, "10.0.0.0/8", "2001:db8::/33"]) if level < ranges else {"!": rule}
            return rule

        deepest = [not faults(within(levels, lambda operands: {"ip_range": operands})) for levels in range(32)].index(
            False
        )
        assert 0 < deepest < 31
        assert not faults(within(deepest - 1, lowered), frozenset())

    def test_the_value_stands_in_it_once(self) -> None:
        assert str(lowered([WHERE, *several(20)])).count("'ip'") == 1
