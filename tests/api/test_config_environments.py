"""Configs of several environments over HTTP: promoted, compared, and fallen back to."""

from typing import Any

import pytest

from application.tenants import Tenants
from domain.environments import Environment
from domain.people import Role
from tests.api.configs import KEY, WHY, over, place


@pytest.mark.req("FR-CFG-003")
class TestPromotion:
    async def test_shows_the_differences_and_then_writes_them(self, ask: Any, make: Any, put: Any) -> None:
        await make({"host": "a", "port": 1}, definition={"type": "json"})
        await make({"host": "b", "port": 1}, "qa", definition=None)
        await make("x", key="token", definition={"type": "secret"})
        wish = {"from": "dev", "to": "qa", "keys": [KEY, "token"], **WHY}
        plan = (await ask("ada", "POST", "/configs/promotions", json={**wish, "dry_run": True})).json()
        assert (plan["outcome"], plan["secrets"], plan["differences"]) == (
            "planned", ["token"],
            [{"key": KEY, "op": "changed", "source_version": 1, "target_version": 1,
              "changes": [{"op": "changed", "path": "/value/host", "before": "b", "after": "a"}]}],
        )  # fmt: skip
        assert (await ask("eve", "GET", place("qa"))).json()["value"]["host"] == "b"
        done = await ask("ada", "POST", "/configs/promotions", json=wish)
        assert (done.status_code, done.json()["outcome"]) == (200, "applied")
        assert (await ask("eve", "GET", place("qa"))).json()["value"]["host"] == "a"
        again = await ask("ada", "POST", "/configs/promotions", json=wish)
        assert (again.json()["outcome"], again.json()["equal"]) == ("no_changes", 1)

    async def test_to_where_policy_asks_is_one_change(self, ask: Any, make: Any) -> None:
        await make("a", "qa")
        await make("b", "qa", key="billing.other")
        wish = {"from": "qa", "to": "staging", "tag": "billing", **WHY}
        answer = await ask("ada", "POST", "/configs/promotions", json=wish)
        assert (answer.status_code, answer.json()["outcome"]) == (202, "submitted")
        change = (await ask("eve", "GET", f"/changes/{answer.json()['submitted']['approval']}")).json()
        assert [each["content"]["value"] for each in change["targets"]] == ["a", "b"]

    async def test_skips_no_environment_by_accident(self, ask: Any, make: Any) -> None:
        await make()
        wish = {"from": "dev", "to": "production", "keys": [KEY], **WHY}
        refused = await ask("ada", "POST", "/configs/promotions", json=wish)
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/to")
        assert (await ask("ada", "POST", "/configs/promotions", json={**wish, "skip": True})).status_code == 202
        nothing = {"from": "dev", "to": "qa", **WHY}
        assert (await ask("ada", "POST", "/configs/promotions", json=nothing)).status_code == 422

    async def test_is_refused_whole_with_every_fault_at_its_key(self, ask: Any, make: Any) -> None:
        await make(key="a", definition={"type": "string"})
        await make(key="b", definition={"type": "string"})
        rule = {"kind": "conflict", "name": "apart", "between": [{"key": "a"}, {"key": "c"}]}
        await make("z", "qa", key="c", definition={"type": "string"})
        for environment in Environment:
            path = f"/policies/{environment.value}?kind=setting"
            await ask("root", "PUT", path, json={"policy": {"levels": []}, **WHY}, headers=over(0))
        ruled = await ask("ada", "PUT", "/setting-rules", json={"rules": [rule], **WHY}, headers=over(0))
        assert ruled.status_code == 200, ruled.text
        wish = {"from": "dev", "to": "qa", "keys": ["b", "a"], **WHY}
        refused = await ask("ada", "POST", "/configs/promotions", json=wish)
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/differences/a")
        assert (await ask("eve", "GET", place("qa", "b"))).status_code == 404


@pytest.mark.req("FR-CFG-003")
class TestComparison:
    async def test_of_two_environments(self, ask: Any, make: Any) -> None:
        await make("a")
        await make("b", "qa", definition=None)
        await make("c", "qa", key="billing.only")
        answer = await ask("eve", "GET", "/configs/compare?left=dev&right=qa&prefix=billing.")
        assert [(each["key"], each["op"]) for each in answer.json()["items"]] == [
            (KEY, "changed"), ("billing.only", "added"),
        ]  # fmt: skip
        first = (await ask("eve", "GET", "/configs/compare?left=dev&right=qa&limit=1")).json()
        rest = await ask("eve", "GET", f"/configs/compare?left=dev&right=qa&cursor={first['next_cursor']}")
        assert [each["key"] for each in first["items"] + rest.json()["items"]] == [KEY, "billing.only"]

    async def test_of_two_tenants_is_for_those_who_belong_to_both(self, ask: Any, make: Any, world: Any) -> None:
        await make()
        tenants = Tenants(world.services.store)
        there = await tenants.admit_tenant("compared-with", "The other one")
        path = "/configs/compare?left=dev&right=dev&right_tenant=compared-with"
        assert (await ask("bob", "GET", path)).status_code == 404
        await tenants.admit_principal(there, "bob", frozenset({Role.VIEWER}), issuer=world.issuer.issuer)
        answer = await ask("bob", "GET", path)
        assert [(each["key"], each["op"]) for each in answer.json()["items"]] == [(KEY, "removed")]

    async def test_of_a_tenant_below_is_for_whoever_manages_tenants(self, ask: Any, make: Any, house: Any) -> None:
        await make()
        slug = f"{house.tenant.slug}-b"
        admin = {"handle": "ann", "issuer": "elsewhere", "subject": "ann"}
        founding = {"id": slug, "tier": "free", "name": "Below", "admin": admin, **WHY}
        made = await ask("root", "POST", "/tenants", json=founding)
        assert made.status_code == 201, made.text
        path = f"/configs/compare?left=dev&right=dev&right_tenant={slug}"
        answer = await ask("root", "GET", path)
        assert [(each["key"], each["op"]) for each in answer.json()["items"]] == [(KEY, "removed")]
        assert (await ask("ada", "GET", path)).status_code == 404


@pytest.mark.req("FR-CFG-003")
class TestFallback:
    async def test_of_production_is_seen_by_whoever_reads_there(self, ask: Any, define: Any) -> None:
        for environment in ("staging", "production"):
            path = f"/policies/{environment}?kind=setting"
            free = await ask("root", "PUT", path, json={"policy": {"levels": []}, **WHY}, headers=over(0))
            assert free.status_code == 200, free.text
        await define(key="limit", type="integer", default=10, fallback="staging")
        path = "/settings/limit/effective?environment=production"
        assert (await ask("eve", "GET", path)).json()["value"] == 10
        for number, value in enumerate((20, 21)):
            wish = {"value": value, **WHY}
            put = await ask("ada", "PUT", "/settings/limit?environment=staging", json=wish, headers=over(number))
            assert put.status_code == 200, put.text
            assert (await ask("eve", "GET", path)).json()["value"] == value
        explained = (await ask("eve", "GET", "/settings/limit/explain?environment=production")).json()
        assert [(line["level"], line["state"]) for line in explained["trace"]] == [
            ("default", "default"), ("environment:staging", "set"), ("", "none"),
        ]  # fmt: skip
        assert (await ask("eve", "GET", place("production", "limit"))).status_code == 404
        own = {"environment": "production", "key": "limit", "value": 30, **WHY}
        assert (await ask("ada", "POST", "/configs", json=own)).status_code == 201
        assert (await ask("eve", "GET", path)).json()["value"] == 30
        await ask("ada", "DELETE", place("production", "limit") + "?reason=again", headers=over(1))
        assert (await ask("eve", "GET", path)).json()["value"] == 21

    async def test_needs_the_approval_that_production_asks_for(self, ask: Any, define: Any) -> None:
        await define(key="limit", type="integer", default=10, fallback="staging")
        path = "/settings/limit?environment=staging"
        put = await ask("ada", "PUT", path, json={"value": 20, **WHY}, headers=over(0))
        assert (put.status_code, put.json()["submitted"]["levels"]) == (202, 2)

    async def test_is_written_by_nobody_else(self, ask: Any, define: Any) -> None:
        refused = await ask("ada", "POST", "/setting-definitions", json={
            "definition": {"key": "limit", "type": "integer", "scopes": ["environment"]}, **WHY,
        })  # fmt: skip
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/definition/scopes/0")
        await define(key="limit", type="integer", fallback="staging")
        path = "/settings/limit?environment=production&scope=environment:staging"
        put = await ask("ada", "PUT", path, json={"value": 20, **WHY}, headers=over(0))
        assert (put.status_code, put.json()["faults"][0]["path"]) == (422, "/scope")
