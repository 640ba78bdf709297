from typing import Any

import pytest
import pytest_asyncio

from application.ports.settings import Rulebook
from tests.api.trees import DEV, WHY, Tree

KEY = "upload.limit"
DEFINITION = {"key": KEY, "type": "integer", "default": 10, "scopes": ["tenant", "company", "user"]}


@pytest_asyncio.fixture
async def family(tree: Tree) -> Tree:
    """The house defines the setting; a kid, a grandkid and a sibling of the kid stand below it."""
    await tree.found("kid")
    await tree.found("sibling")
    await tree.found("grandkid", handle="zoe", at="kid", tier="free")
    await define(tree, "root", "")
    return tree


async def define(tree: Tree, handle: str, at: str, **more: Any) -> None:
    wish = {"definition": {**DEFINITION, **more}, **WHY}
    answer = await tree.ask(handle, "POST", "/setting-definitions", at, json=wish)
    assert answer.status_code == 201, answer.text


async def write(tree: Tree, value: Any, at: str, scope: str = "", version: int = 0) -> Any:
    headers, wish = {"If-Match": f'"v{version}"'}, {"value": value, **WHY}
    return await tree.ask("zoe", "PUT", f"/settings/{KEY}{DEV}&scope={scope}", at, json=wish, headers=headers)


async def value(tree: Tree, at: str, scope: str = "") -> Any:
    answer = await tree.ask("zoe", "GET", f"/settings/{KEY}/effective{DEV}&scope={scope}", at)
    return answer.json().get("value")


async def lock(tree: Tree, name: str = "", handle: str = "root", at: str = "", version: int = 0, **says: Any) -> Any:
    slug = tree.made[name] if name else tree.house.tenant.slug
    headers = {"If-Match": f'"v{version}"'}
    return await tree.ask(handle, "PUT", f"/tenants/{slug}/locks/{KEY}{DEV}", at, json={**says, **WHY}, headers=headers)


async def release(tree: Tree, version: int, name: str = "") -> Any:
    slug = tree.made[name] if name else tree.house.tenant.slug
    headers = {"If-Match": f'"v{version}"'}
    return await tree.ask("root", "DELETE", f"/tenants/{slug}/locks/{KEY}{DEV}&reason=because", headers=headers)


class TestEnforcement:
    @pytest.mark.req("ST72", "FR-SM-003")
    async def test_what_is_enforced_above_shadows_what_is_said_below_until_it_lets_go(self, family: Tree) -> None:
        await define(family, "zoe", "kid")
        assert (await write(family, 30, "kid", "user:ada")).status_code == 200
        locked = await lock(family, value=20, enforced=True)
        assert (locked.status_code, locked.json()["tenants"]) == (200, 3)
        assert locked.json()["affected"] == [{"tenant": family.made["kid"], "scope": "user:ada", "how": "shadowed"}]
        assert [await value(family, at, "user:ada") for at in ("kid", "grandkid", "sibling")] == [20, 20, 20]
        for scope, version in (("", 0), ("user:ada", 1), ("company:de", 0)):
            refused = await write(family, 40, "kid", scope, version)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/setting-enforced")
            assert (refused.json()["by"], refused.json()["reason"]) == (f"~{family.house.tenant.slug}", WHY["reason"])
        assert (await release(family, 1)).status_code == 200
        assert (await value(family, "kid", "user:ada"), await value(family, "kid")) == (30, 10)
        assert (await write(family, 40, "kid")).status_code == 200

    @pytest.mark.req("ST73")
    async def test_the_broadest_of_two_that_enforce_wins(self, family: Tree) -> None:
        await define(family, "zoe", "kid")
        assert (await lock(family, "kid", "zoe", "kid", value=5, enforced=True)).status_code == 200
        assert await value(family, "grandkid") == 5
        assert (await lock(family, value=20, enforced=True)).status_code == 200
        assert await value(family, "grandkid") == 20
        refused = await lock(family, "kid", "zoe", "kid", version=1, value=6, enforced=True)
        assert (refused.status_code, refused.json()["by"]) == (409, f"~{family.house.tenant.slug}")
        await release(family, 1)
        assert await value(family, "grandkid") == 5

    async def test_explain_names_who_is_above(self, family: Tree) -> None:
        await lock(family, value=20, enforced=True)
        told = (await family.ask("zoe", "GET", f"/settings/{KEY}/explain{DEV}&scope=user:ada", "kid")).json()
        top = f"~{family.house.tenant.slug}"
        assert told["effective"]["winner"] == top
        assert [(line["level"], line["state"]) for line in told["trace"]] == [
            ("default", "default"), (top, "enforced"), ("", "none"), ("user:ada", "none"),
        ]  # fmt: skip

    async def test_what_is_only_set_is_where_those_below_begin(self, family: Tree) -> None:
        await lock(family, value=20)
        assert await value(family, "kid") == 20
        assert (await write(family, 30, "kid")).status_code == 200
        assert (await value(family, "kid"), await value(family, "sibling")) == (30, 20)


class TestConstraints:
    @pytest.mark.req("ST74")
    async def test_a_ceiling_above_refuses_what_comes_and_moves_what_is_there(self, family: Tree) -> None:
        assert (await lock(family, constraint={"maximum": 100})).status_code == 200
        refused = await write(family, 150, "kid")
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/out-of-policy")
        assert (await write(family, 80, "kid")).status_code == 200
        would = await lock(family, version=1, constraint={"maximum": 50}, dry_run=True)
        told = {"tenant": family.made["kid"], "scope": "", "how": "clamped"}
        assert (would.json()["affected"], would.json()["version"]) == ([told], 2)
        assert await value(family, "kid") == 80
        done = await lock(family, version=1, constraint={"maximum": 50})
        assert (done.status_code, done.json()["affected_count"]) == (200, 1)
        assert await value(family, "kid") == 50
        await release(family, 2)
        assert await value(family, "kid") == 80


class TestReach:
    async def test_nobody_below_unlocks_or_writes_there(self, family: Tree) -> None:
        await lock(family, value=20, enforced=True)
        for slug, tag in ((family.house.tenant.slug, '"v1"'), (family.made["kid"], '"v0"')):
            path = f"/tenants/{slug}/locks/{KEY}{DEV}&reason=because"
            answer = await family.ask("zoe", "DELETE", path, "kid", headers={"If-Match": tag})
            assert answer.status_code == 404
        answer = await family.ask("zoe", "DELETE", f"/settings/{KEY}{DEV}&scope=~0&reason=because", "kid",
                                  headers={"If-Match": '"v1"'})  # fmt: skip
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
        items = [{"key": KEY, "value": 1, "scope": "~0"}]
        bulk = await family.ask(
            "zoe", "POST", "/settings/bulk", "kid", json={"environment": "dev", "items": items, **WHY}
        )
        assert bulk.status_code == 422
        assert await value(family, "kid") == 20

    async def test_what_stands_beside_is_untouched(self, family: Tree) -> None:
        await define(family, "zoe", "kid")
        await lock(family, "kid", "zoe", "kid", value=5, enforced=True)
        assert [await value(family, at) for at in ("grandkid", "kid", "sibling")] == [5, 10, None]

    async def test_a_tenant_that_is_new_has_what_stands(self, family: Tree) -> None:
        await lock(family, value=20)
        assert (await lock(family, "kid", value=5)).status_code == 200
        await lock(family, version=1, value=20, enforced=True)
        await family.found("late", handle="zoe", at="kid", tier="free")
        assert await value(family, "late") == 20
        await release(family, 2)
        assert await value(family, "late") == 5

    async def test_a_template_gives_way(self, family: Tree) -> None:
        await family.ask(
            "root", "PUT", f"/settings/{KEY}{DEV}", json={"value": 33, **WHY}, headers={"If-Match": '"v0"'}
        )
        bundle = (await family.ask("root", "GET", f"/settings-bundles{DEV}")).json()
        kept = await family.ask("root", "PUT", "/tenant-templates/kit", json={"bundles": [bundle], **WHY},
                                headers={"If-Match": '"v0"'})  # fmt: skip
        assert kept.status_code == 200, kept.text
        await lock(family, value=20, enforced=True)
        await family.found("late", template="kit")
        assert await value(family, "late") == 20
        await release(family, 1)
        assert await value(family, "late") == 33

    async def test_all_below_have_it_or_none(self, family: Tree) -> None:
        await define(family, "zoe", "kid", type="string", default="ten")
        refused = await lock(family, value=20, enforced=True)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/lock-does-not-fit")
        assert list(refused.json()["tenants"]) == [family.made["kid"]]
        assert (await value(family, "sibling"), await value(family, "grandkid")) == (None, None)
        assert (await family.ask("root", "GET", f"/tenants/{family.house.tenant.slug}/locks{DEV}")).json()[
            "items"
        ] == []

    async def test_a_rule_of_a_tenant_below_is_kept(self, family: Tree) -> None:
        await define(family, "zoe", "kid")
        rules = [{"name": "small", "kind": "range", "key": KEY, "at_most": 15}]
        kid = await family.world.services.store.tenant(family.made["kid"])
        async with family.world.services.store.transaction(kid.id) as tx:
            await tx.settings.put_rulebook(Rulebook(1, rules, None, tx.now))
        refused = await lock(family, value=20)
        assert refused.json()["type"] == "/problems/lock-does-not-fit"
        assert (await lock(family, value=12)).status_code == 200

    async def test_what_is_above_stays_out_of_a_bundle(self, family: Tree) -> None:
        await lock(family, value=20)
        await write(family, 30, "kid")
        bundle = (await family.ask("zoe", "GET", f"/settings-bundles{DEV}", "kid")).json()
        assert [(line["scope"], line["value"]) for line in bundle["values"]] == [("", 30)]
        again = await family.ask("zoe", "POST", "/settings-bundles", "kid",
                                 json={"environment": "dev", "bundle": bundle, "prune": True, **WHY})  # fmt: skip
        assert again.json()["outcome"] == "no_changes"


class TestVersions:
    async def test_a_lock_is_written_over_the_version_that_was_seen(self, family: Tree) -> None:
        await lock(family, value=20)
        stale = await lock(family, value=21)
        assert (stale.status_code, stale.json()["version"]) == (412, 1)
        listed = (await family.ask("root", "GET", f"/tenants/{family.house.tenant.slug}/locks{DEV}")).json()
        assert [(each["key"], each["lock"]) for each in listed["items"]] == [(KEY, {"enforced": False, "value": 20})]

    async def test_asked_twice_it_is_done_once(self, family: Tree) -> None:
        slug, key = family.house.tenant.slug, {"Idempotency-Key": "lock-it", "If-Match": '"v0"'}
        for _ in range(2):
            answer = await family.ask("root", "PUT", f"/tenants/{slug}/locks/{KEY}{DEV}", json={"value": 20, **WHY},
                                      headers=key)  # fmt: skip
            assert (answer.status_code, answer.json()["version"], answer.json()["tenants"]) == (200, 1, 3)
            async with family.world.services.store.transaction(family.house.id) as tx:
                await tx.idempotency.release(family.house.root.id, "lock-it")
        events = await family.ask("zoe", "GET", "/audit-logs?action=setting:value:changed", "kid")
        assert len(events.json()["items"]) == 1

    async def test_every_trail_tells_it(self, family: Tree) -> None:
        await lock(family, value=20)
        own = await family.ask("aud", "GET", "/audit-logs?action=tenant:lock:changed")
        below = await family.ask("zoe", "GET", "/audit-logs?action=setting:value:changed", "grandkid")
        assert [each["after"] for each in own.json()["items"]] == [{"enforced": False, "value": 20}]
        assert [each["actor"] for each in below.json()["items"]] == [str(family.house.root.id)]

    @pytest.mark.parametrize("says", [{"value": "ten"}, {"constraint": {"maximum": "ten"}}, {"enforced": True}])
    async def test_what_the_setting_cannot_be_is_refused(self, family: Tree, says: dict[str, Any]) -> None:
        answer = await lock(family, **says)
        assert answer.status_code == 422

    async def test_what_does_not_stand_is_not_let_go(self, family: Tree) -> None:
        assert (await release(family, 0)).status_code == 404
        missing = await family.ask("root", "GET", f"/tenants/{family.house.tenant.slug}/locks/{KEY}{DEV}")
        assert missing.status_code == 404
