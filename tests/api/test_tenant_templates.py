from typing import Any

import pytest

from tests.api.trees import DEV, WHY, Tree

NAME = "subsidiary"
HALF = {"levels": [{"roles": ["Approver"]}]}


async def bundle(tree: Tree, environment: str = "dev") -> dict[str, Any]:
    """What the house of the test has in an environment, exported."""
    answer = await tree.ask("root", "GET", f"/settings-bundles?environment={environment}")
    exported: dict[str, Any] = answer.json()
    return exported


async def set_up(tree: Tree) -> None:
    for key, kind, default in (("billing.limit", "integer", 10), ("billing.gateway", "string", "none")):
        wish = {"definition": {"key": key, "type": kind, "default": default, "scopes": ["tenant", "company"]}, **WHY}
        assert (await tree.ask("root", "POST", "/setting-definitions", json=wish)).status_code == 201
    items = [{"key": "billing.limit", "value": 20, "constraint": {"maximum": 100}},
             {"key": "billing.gateway", "value": "stripe", "scope": "company:de"}]  # fmt: skip
    written = await tree.ask("root", "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY})
    assert written.status_code == 200, written.text


async def keep(tree: Tree, version: int = 0, **wish: Any) -> Any:
    body = {"bundles": [await bundle(tree)], "policies": {"production": {"setting": HALF}}, **WHY, **wish}
    headers = {"If-Match": f'"v{version}"'}
    return await tree.ask("root", "PUT", f"/tenant-templates/{NAME}", json=body, headers=headers)


async def value(tree: Tree, key: str, at: str, scope: str = "") -> Any:
    answer = await tree.ask("zoe", "GET", f"/settings/{key}/effective{DEV}&scope={scope}", at)
    return answer.json()["value"]


@pytest.mark.req("FR-CFG-001")
class TestTemplates:
    async def test_a_tenant_begins_with_all_that_its_template_says(self, tree: Tree) -> None:
        await set_up(tree)
        kept = await keep(tree)
        assert kept.status_code == 200, kept.text
        await tree.found("kid", template=NAME)
        assert await value(tree, "billing.limit", "kid") == 20
        assert await value(tree, "billing.gateway", "kid") == "none"
        assert await value(tree, "billing.gateway", "kid", "company:de") == "stripe"
        policy = (await tree.ask("zoe", "GET", "/policies/production?kind=setting", "kid")).json()["policy"]
        assert [level["roles"] for level in policy["levels"]] == [["Approver"]]
        wish = {"value": 101, **WHY}
        refused = await tree.ask("zoe", "PUT", f"/settings/billing.limit{DEV}&scope=company:de", "kid", json=wish,
                                 headers={"If-Match": '"v0"'})  # fmt: skip
        assert refused.json()["type"] == "/problems/out-of-policy"

    async def test_both_trails_tell_it(self, tree: Tree) -> None:
        await set_up(tree)
        await keep(tree)
        slug = await tree.found("kid", template=NAME)
        asked = "/audit-logs?action=tenant:template:applied"
        (outside,) = (await tree.ask("aud", "GET", asked)).json()["items"]
        (inside,) = (await tree.ask("zoe", "GET", asked, "kid")).json()["items"]
        assert outside["after"] == {"version": 1, "tenant": slug}
        assert inside["after"] == {"version": 1, "definitions": 2, "values": {"dev": 2},
                                   "policies": ["production/setting"]}  # fmt: skip
        changed = await tree.ask("zoe", "GET", "/audit-logs?action=setting:value:changed", "kid")
        assert {each["actor"] for each in changed.json()["items"]} == {str(tree.house.root.id)}
        assert len(changed.json()["items"]) == 2

    async def test_all_of_it_or_no_tenant(self, tree: Tree) -> None:
        await set_up(tree)
        await keep(tree)
        wish = tree.wish("kid", template=NAME, quotas={"setting_values": 1})
        refused = await tree.ask("root", "POST", "/tenants", json=wish)
        assert (refused.status_code, refused.json()["quota"]) == (409, "setting_values")
        assert (await tree.ask("root", "GET", f"/tenants/{wish['id']}")).status_code == 404
        trail = await tree.ask("aud", "GET", "/audit-logs?action=tenant:template:applied")
        assert trail.json()["items"] == []

    async def test_every_version_is_kept_and_tenants_stay_as_they_were_made(self, tree: Tree) -> None:
        await set_up(tree)
        await keep(tree)
        await tree.found("kid", template=NAME)
        assert (await keep(tree, 1, bundles=[])).json()["version"] == 2
        await tree.found("other", template=NAME)
        assert await value(tree, "billing.limit", "kid") == 20
        assert (await tree.ask("zoe", "GET", f"/settings/billing.limit/effective{DEV}", "other")).status_code == 404
        versions = (await tree.ask("root", "GET", f"/tenant-templates/{NAME}/versions")).json()["items"]
        assert [each["version"] for each in versions] == [2, 1]
        first = (await tree.ask("root", "GET", f"/tenant-templates/{NAME}?version=1")).json()
        assert (len(first["bundles"]), first["reason"]) == (1, WHY["reason"])
        listed = (await tree.ask("root", "GET", "/tenant-templates")).json()["items"]
        assert [(each["name"], each["version"]) for each in listed] == [(NAME, 2)]

    async def test_a_stale_write_is_refused(self, tree: Tree) -> None:
        await keep(tree, bundles=[])
        stale = await keep(tree, bundles=[])
        assert (stale.status_code, stale.json()["version"]) == (412, 1)

    async def test_every_fault_is_told_at_its_place(self, tree: Tree) -> None:
        await set_up(tree)
        good = await bundle(tree)
        refused = await keep(tree, bundles=[good, good, {"format": "no"}],
                             policies={"moon": {}, "dev": {"tides": HALF, "flag": {"levels": 7}}})  # fmt: skip
        assert refused.status_code == 422
        paths = {fault["path"] for fault in refused.json()["faults"]}
        assert paths >= {"/bundles/1/environment", "/bundles/2/format", "/policies/moon", "/policies/dev/tides",
                         "/policies/dev/flag/levels"}  # fmt: skip

    async def test_a_template_that_is_not_there_is_missing(self, tree: Tree) -> None:
        wish = tree.wish("kid", template="nothing")
        assert (await tree.ask("root", "POST", "/tenants", json=wish)).status_code == 404
        assert (await tree.ask("root", "GET", "/tenant-templates/nothing")).status_code == 404

    async def test_a_template_of_a_tenant_is_nobody_elses(self, tree: Tree) -> None:
        await keep(tree, bundles=[])
        await tree.found("kid")
        assert (await tree.ask("zoe", "GET", f"/tenant-templates/{NAME}", "kid")).status_code == 404
