"""Bundles over HTTP, on the real database: scenarios 81 and 82 as a person would drive them."""

import copy
import secrets
from types import SimpleNamespace
from typing import Any

import pytest

from application.tenants import Tenants
from domain.canonical import digest_of
from domain.people import Role

WHY = {"reason": "because of the test"}
SCOPES = ["tenant", "company", "user"]
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": SCOPES, "nullable": True}
DE, ADA = "company:de", "company:de/user:ada"
BUNDLES, DEV = "/settings-bundles", "environment=dev"


def resigned(raw: Any, **changed: Any) -> Any:
    content = {name: value for name, value in {**copy.deepcopy(raw), **changed}.items() if name != "checksum"}
    return {
        **content,
        "checksum": digest_of(
            {name: each for name, each in content.items() if name not in {"exported_at", "signature"}}
        ),
    }


def line(scope: str, value: Any) -> dict[str, Any]:
    return {"key": "upload.limit", "scope": scope, "state": "set", "value": value}


@pytest.fixture
async def furnished(ask: Any) -> None:
    assert (await ask("ada", "POST", "/setting-definitions", json={"definition": LIMIT, **WHY})).status_code == 201
    items = [{"key": "upload.limit", "scope": DE, "value": 20, "enforced": True, "constraint": {"maximum": 90}},
             {"key": "upload.limit", "scope": "company:fr", "value": None},
             {"key": "upload.limit", "value": 30, "effective_at": "2100-01-01T00:00:00Z"}]  # fmt: skip
    written = await ask("ada", "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY})
    assert written.status_code == 200, written.text


@pytest.fixture
def bring(ask: Any) -> Any:
    async def brought(bundle: Any, environment: str = "dev", **more: Any) -> Any:
        return await ask("ada", "POST", BUNDLES, json={"environment": environment, "bundle": bundle, **WHY, **more})

    return brought


@pytest.fixture
def export(ask: Any) -> Any:
    async def exported(environment: str = "dev") -> Any:
        return (await ask("eve", "GET", f"{BUNDLES}?environment={environment}")).json()

    return exported


@pytest.mark.req("FR-SM-030")
class TestExport:
    async def test_is_a_file_with_a_tag_that_says_what_is_in_it(self, ask: Any, furnished: None, house: Any) -> None:
        first, second = [await ask("eve", "GET", f"{BUNDLES}?{DEV}") for _ in range(2)]
        bundle = first.json()
        assert first.headers["ETag"] == second.headers["ETag"] == f'"{bundle["checksum"]}"'
        assert first.headers["Content-Disposition"] == f'attachment; filename="{house.tenant.slug}.dev.json"'
        assert (bundle["format"], bundle["version"]) == ("changegate.settings", "1.2.0")
        assert [(each["scope"], each["value"]) for each in bundle["values"]] == [
            ("", 30),
            (DE, 20),
            ("company:fr", None),
        ]
        assert [each["key"] for each in bundle["definitions"]] == ["upload.limit"]
        told = await ask("aud", "GET", "/audit-logs?action=setting:bundle:exported")
        assert len(told.json()["items"]) == 2


@pytest.mark.req("FR-SM-031", "ST81")
class TestEmptyTenant:
    async def test_has_the_same_overrides_and_still_inherits(
        self, ask: Any, furnished: None, export: Any, world: Any, house: Any
    ) -> None:
        tenants = Tenants(world.services.store)
        tenant = await tenants.admit_tenant(f"n-{secrets.token_hex(6)}", "The house next door")
        for handle, role in {"ada": Role.CONFIG_MANAGER, "root": Role.ADMIN}.items():
            await tenants.admit_principal(tenant, handle, frozenset({role}), issuer=world.issuer.issuer)
        bundle = await export()
        wish = {"environment": "dev", "bundle": bundle, **WHY}
        async with world.client(SimpleNamespace(tenant=tenant, id=tenant.id), "ada") as there:
            refused = await there.post(f"/api/v1{BUNDLES}", json=wish)
            assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/bundle/tenant")
            done = await there.post(f"/api/v1{BUNDLES}", json={**wish, "from_tenant": bundle["tenant"]})
            assert (done.status_code, done.json()["outcome"]) == (200, "applied"), done.text
            back = (await there.get(f"/api/v1{BUNDLES}?{DEV}")).json()
            assert (back["values"], back["definitions"]) == (bundle["values"], bundle["definitions"])
            assert back["tenant"] == tenant.slug != bundle["tenant"]
            where = f"/api/v1/settings/upload.limit/effective?{DEV}&scope=user:eve"
            assert (await there.get(where)).json()["value"] == 10
        for one in (house, SimpleNamespace(tenant=tenant, id=tenant.id)):
            async with world.client(one, "root") as root:
                for environment in ("dev", "qa", "staging", "production"):
                    path = f"/api/v1/policies/{environment}?kind=setting"
                    await root.put(path, json={"policy": {"levels": []}, **WHY}, headers={"If-Match": '"v0"'})
                replaced = await root.put("/api/v1/setting-definitions/upload.limit", headers={"If-Match": '"v1"'},
                                          json={"definition": {**LIMIT, "default": 11}, **WHY})  # fmt: skip
                assert replaced.status_code == 200, replaced.text
                assert (await root.get(where)).json()["value"] == 11


@pytest.mark.req("FR-SM-031", "SM-D8", "SM-D9", "ST82")
class TestImport:
    async def test_on_an_equal_target_has_no_changes(self, ask: Any, furnished: None, export: Any, bring: Any) -> None:
        for dry_run in (True, False):
            answer = await bring(await export(), dry_run=dry_run, prune=True)
            assert (answer.status_code, answer.json()["outcome"], answer.json()["equal"]) == (200, "no_changes", 3)
            assert (answer.json()["values"], answer.json()["epoch"]) == ([], None)

    @pytest.mark.parametrize(
        ("changed", "path"),
        [({"calendars": []}, "/bundle/calendars"), ({"version": "1.0"}, "/bundle/version"),
         ({"version": "2.0.0"}, "/bundle/version"), ({"tenant": None}, "/bundle/tenant"),
         ({"tenant": "somebody-else"}, "/bundle/tenant")],
    )  # fmt: skip
    async def test_of_another_form_is_422_and_writes_nothing(
        self, furnished: None, export: Any, bring: Any, changed: Any, path: str
    ) -> None:
        answer = await bring(resigned(await export(), **changed), "qa")
        assert (answer.status_code, [fault["path"] for fault in answer.json()["faults"]]) == (422, [path])
        assert (await export("qa"))["values"] == []

    async def test_that_was_tampered_with_is_422(self, furnished: None, export: Any, bring: Any) -> None:
        answer = await bring({**await export(), "environment": "qa"}, "qa")
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/bundle/checksum")

    async def test_with_item_400_of_500_broken_writes_nothing(self, furnished: None, export: Any, bring: Any) -> None:
        values = [line(f"company:c{number:03}", number) for number in range(500)]
        values[399]["value"] = "x"
        broken = resigned(await export(), values=values)
        answer = await bring(broken, "qa")
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (
            422, ["/bundle/values/399/value"],
        )  # fmt: skip
        assert (await export("qa"))["values"] == []
        values[399]["value"] = 399
        assert (await bring(resigned(broken, values=values), "qa")).json()["outcome"] == "applied"
        assert len((await export("qa"))["values"]) == 500

    async def test_tells_what_it_would_do_and_then_does_it(self, furnished: None, export: Any, bring: Any) -> None:
        bundle = await export()
        fewer = resigned(bundle, values=[*bundle["values"][:1], line(ADA, None), line("company:fr", 5)])
        for dry_run in (True, False):
            refused = await bring(fewer, dry_run=dry_run)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/setting-enforced")
        planned = (await bring(fewer, dry_run=True, prune=True)).json()
        assert (planned["outcome"], planned["equal"], planned["epoch"]) == ("planned", 1, None)
        assert [(each["scope"], each["op"]) for each in planned["values"]] == [
            (DE, "removed"), (ADA, "added"), ("company:fr", "changed"),
        ]  # fmt: skip
        done = (await bring(fewer, prune=True)).json()
        assert (done["outcome"], [each["op"] for each in done["values"]]) == (
            "applied",
            ["removed", "added", "changed"],
        )
        assert (await bring(fewer, prune=True)).json()["outcome"] == "no_changes"

    async def test_where_policy_asks_waits_for_approval(
        self, furnished: None, export: Any, bring: Any, ask: Any
    ) -> None:
        bundle = await export()
        answer = await bring(resigned(bundle, values=[line(DE, 7)]), "production")
        assert (answer.status_code, answer.json()["outcome"]) == (202, "submitted"), answer.text
        change = answer.json()["submitted"]["change"]["id"]
        assert (await ask("eve", "GET", f"/changes/{change}")).status_code == 200
        assert (await export("production"))["values"] == []
