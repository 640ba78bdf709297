from typing import Any

import pytest

from domain.changes import Content, Kind, Target, TenantChoice
from domain.environments import Environment
from domain.errors import Invalid


class TestTenantChoice:
    def test_takes_everybody(self) -> None:
        assert TenantChoice.of({"all": True}).takes("any", "free", {})

    def test_takes_who_is_named(self) -> None:
        choice = TenantChoice.of({"slugs": ["b", "a"]})
        assert [choice.takes(slug, "free", {}) for slug in "abc"] == [True, True, False]
        assert choice.to_json() == {"slugs": ["a", "b"]}

    def test_takes_whoever_has_the_tier_and_all_labels(self) -> None:
        choice = TenantChoice.of({"tiers": ["pro"], "labels": {"region": "eu", "ring": "one"}})
        assert choice.takes("a", "pro", {"region": "eu", "ring": "one", "more": "x"})
        assert not choice.takes("a", "free", {"region": "eu", "ring": "one"})
        assert not choice.takes("a", "pro", {"region": "eu"})

    @pytest.mark.parametrize(
        "raw", [{"all": True}, {"slugs": ["a"]}, {"tiers": ["free", "pro"]}, {"labels": {"a": "b"}}]
    )
    def test_is_what_its_json_says(self, raw: Any) -> None:
        assert TenantChoice.of(raw).to_json() == raw

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            (None, ""), ({}, ""), ([], ""), ({"all": False}, "/all"), ({"all": True, "tiers": ["free"]}, ""),
            ({"slugs": ["a"], "labels": {"a": "b"}}, ""), ({"slugs": []}, "/slugs"), ({"slugs": ["a", "a"]}, "/slugs"),
            ({"slugs": "a"}, "/slugs"), ({"tiers": [1]}, "/tiers"), ({"tiers": ["gold"]}, "/tiers"),
            ({"labels": {}}, "/labels"), ({"labels": {"a": 1}}, "/labels"), ({"some": 1}, "/some"),
        ],
    )  # fmt: skip
    def test_every_fault_is_named(self, raw: Any, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            TenantChoice.of(raw, tiers=["free", "pro"])
        assert path in [fault.path for fault in refused.value.faults]


class TestContent:
    def test_for_the_tenant_itself_has_the_digest_that_it_always_had(self) -> None:
        content = Content((Target(Environment.DEV, Kind.FLAG, "a", 1, {}),), {}, None, None)
        assert "tenants" not in content.to_json()
        assert Content(content.targets, {}, None, None, {"all": True}).digest != content.digest

    @pytest.mark.req("S14")
    def test_is_the_same_over_other_versions_only(self) -> None:
        targets = [Target(Environment.DEV, Kind.FLAG, key, 1, {"x": key}) for key in "ab"]
        content = Content(tuple(targets), {}, None, None)
        assert content.same_as(content.over({(Kind.FLAG, "a"): 7, (Kind.FLAG, "b"): 9}))
        assert not content.same_as(Content(tuple(reversed(targets)), {}, None, None))
