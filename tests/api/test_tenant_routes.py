from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tests.api.trees import DEV, FLAG, V1, WHY, Tree


@pytest.mark.req("FR-CFG-001")
class TestFounding:
    async def test_a_tenant_begins_with_its_administrator(self, tree: Tree) -> None:
        slug = await tree.found("kid", labels={"region": "eu"})
        me = (await tree.ask("zoe", "GET", "/me", "kid")).json()
        assert me["roles"] == ["Admin"]
        read = (await tree.ask("root", "GET", f"/tenants/{slug}")).json()
        assert (read["parent"], read["status"], read["labels"]) == (tree.house.tenant.slug, "active", {"region": "eu"})
        assert read["usage"]["people"] == {"limit": 100, "used": 1}

    async def test_both_trails_tell_it(self, tree: Tree) -> None:
        slug = await tree.found("kid")
        for handle, at in (("aud", ""), ("zoe", "kid")):
            page = await tree.ask(handle, "GET", f"/audit-logs?action=tenant:record:created&resource={slug}", at)
            (event,) = page.json()["items"]
            assert (event["reason"], event["actor"]) == (WHY["reason"], str(tree.house.root.id))

    async def test_asked_twice_it_is_made_once(self, tree: Tree) -> None:
        wish, key = tree.wish("kid"), {"Idempotency-Key": "one-and-the-same"}
        first = await tree.ask("root", "POST", "/tenants", json=wish, headers=key)
        async with tree.world.services.store.transaction(tree.house.id) as tx:
            await tx.idempotency.release(tree.house.root.id, key["Idempotency-Key"])
        again = await tree.ask("root", "POST", "/tenants", json=wish, headers=key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()["created_at"] == again.json()["created_at"]

    async def test_an_id_is_taken_once_for_ever_and_everywhere(self, tree: Tree) -> None:
        await tree.found("kid")
        again = await tree.ask("root", "POST", "/tenants", json=tree.wish("kid"))
        assert (again.status_code, again.json()["type"]) == (409, "/problems/tenant-name-taken")
        wish = {**tree.wish("kid"), "id": tree.house.tenant.slug, "tier": "free"}
        foreign = await tree.ask("zoe", "POST", "/tenants", "kid", json=wish)
        assert (foreign.status_code, foreign.json()["type"]) == (409, "/problems/tenant-name-taken")

    @pytest.mark.parametrize("slug", ["ab", "-acme", "acme-", "Acme", "a_b", "x" * 51])
    async def test_an_id_has_three_to_fifty_letters_digits_and_hyphens(self, tree: Tree, slug: str) -> None:
        answer = await tree.ask("root", "POST", "/tenants", json={**tree.wish("kid"), "id": slug})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/id")

    async def test_nobody_gives_more_than_they_may_have(self, tree: Tree) -> None:
        await tree.found("kid", quotas={"flags": 7})
        for more in ({"tier": "enterprise"}, {"tier": "free", "quotas": {"flags": 8}}):
            answer = await tree.ask("zoe", "POST", "/tenants", "kid", json=tree.wish("grandkid", **more))
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
            assert "/quotas/flags" in {fault["path"] for fault in answer.json()["faults"]}

    async def test_a_tenant_of_the_free_tier_has_none_below_it(self, tree: Tree) -> None:
        await tree.found("kid", tier="free")
        answer = await tree.ask("zoe", "POST", "/tenants", "kid", json=tree.wish("grandkid", tier="free"))
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/quota-exceeded")
        assert (answer.json()["quota"], answer.json()["limit"], answer.json()["used"]) == ("tenants", 0, 0)


@pytest.mark.req("FR-CFG-001")
class TestSubtree:
    async def test_who_is_above_sees_and_changes_all_below(self, tree: Tree) -> None:
        await tree.found("kid")
        slug = await tree.found("grandkid", handle="zoe", at="kid", tier="free")
        read = await tree.ask("root", "GET", f"/tenants/{slug}")
        assert read.json()["parent"] == tree.made["kid"]
        wish = {"name": "Other", "tier": "free", "quotas": {"flags": 3}, **WHY}
        headers = {"If-Match": read.headers["ETag"]}
        changed = await tree.ask("root", "PUT", f"/tenants/{slug}", json=wish, headers=headers)
        assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Other", 2)
        stale = await tree.ask("root", "PUT", f"/tenants/{slug}", json=wish, headers=headers)
        assert stale.status_code == 412
        blind = await tree.ask("root", "PUT", f"/tenants/{slug}", json=wish)
        assert blind.status_code == 428

    async def test_what_is_above_or_beside_does_not_exist(self, tree: Tree) -> None:
        await tree.found("kid")
        sibling = await tree.found("sibling")
        for slug in (sibling, tree.house.tenant.slug, "nobody-at-all"):
            for method, path in (("GET", ""), ("POST", "/suspend"), ("POST", "/recover"), ("GET", "/audit")):
                body = {"json": WHY} if method == "POST" else {}
                answer = await tree.ask("zoe", method, f"/tenants/{slug}{path}", "kid", **body)
                assert (answer.status_code, answer.json()["type"]) == (404, "/problems/missing"), (slug, method, path)
        listed = (await tree.ask("zoe", "GET", "/tenants", "kid")).json()["items"]
        assert [each["id"] for each in listed] == [tree.made["kid"]]

    async def test_a_tenant_is_made_below_a_tenant_below(self, tree: Tree) -> None:
        await tree.found("kid")
        await tree.found("grandkid", parent=tree.made["kid"], tier="free")
        assert (await tree.ask("zoe", "GET", "/me", "grandkid")).status_code == 200
        stranger = await tree.ask("zoe", "POST", "/tenants", "kid",
                                  json=tree.wish("more", parent=tree.house.tenant.slug))  # fmt: skip
        assert stranger.status_code == 404

    async def test_nobody_closes_the_tenant_that_they_stand_in(self, tree: Tree) -> None:
        answer = await tree.ask("root", "POST", f"/tenants/{tree.house.tenant.slug}/suspend", json=WHY)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/tenant-not-below")

    async def test_a_list_has_pages_and_is_narrowed(self, tree: Tree) -> None:
        for name, tier in (("a1", "pro"), ("b2", "free"), ("c3", "free")):
            await tree.found(name, tier=tier)
        await tree.close("c3", "suspend")
        seen, cursor = [], ""
        while True:
            page = (await tree.ask("root", "GET", f"/tenants?limit=1{cursor}")).json()
            seen += [each["id"] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == sorted([tree.house.tenant.slug, *tree.made.values()])
        for query, expected in (("tier=free", ["b2", "c3"]), ("status=suspended", ["c3"]),
                                ("tier=free&status=active", ["b2"]), ("status=deleted", [])):  # fmt: skip
            page = (await tree.ask("root", "GET", f"/tenants?{query}")).json()
            assert [each["id"] for each in page["items"]] == [tree.made[name] for name in expected]


@pytest.mark.req("FR-CFG-001")
class TestSuspension:
    async def test_people_read_and_change_nothing(self, tree: Tree) -> None:
        await tree.found("kid")
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await tree.ask("zoe", "POST", "/flags", "kid", json=wish)).status_code == 201
        assert (await tree.close("kid", "suspend")).json()["status"] == "suspended"
        for method, path in (("POST", "/flags"), ("PUT", f"/flags/checkout{DEV}"), ("POST", "/tenants"),
                             ("POST", "/changes/9f0c5a52-9b39-4ab4-8e24-6d9a4f0c0c11/withdraw"),
                             ("DELETE", f"/settings/checkout{DEV}&reason=because")):  # fmt: skip
            answer = await tree.ask("zoe", method, path, "kid", json=wish, headers=V1)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/tenant-suspended"), path
        assert (await tree.ask("zoe", "GET", f"/flags{DEV}", "kid")).json()["items"] != []

    async def test_applications_go_on(self, tree: Tree) -> None:
        await tree.found("kid")
        wish = {"environment": "dev", "key": "evaluate", "definition": FLAG, **WHY}
        assert (await tree.ask("zoe", "POST", "/flags", "kid", json=wish)).status_code == 201
        definition = {"definition": {"key": "limit", "type": "integer", "default": 3}, **WHY}
        assert (await tree.ask("zoe", "POST", "/setting-definitions", "kid", json=definition)).status_code == 201
        await tree.close("kid", "suspend")
        context: dict[str, Any] = {"json": {"context": {}}}
        lane = await tree.ask("zoe", "POST", "/ofrep/v1/evaluate/flags/evaluate", "kid",
                              headers={"Changegate-Environment": "dev"}, **context)  # fmt: skip
        asked = await tree.ask("zoe", "POST", f"/flags/evaluate/evaluate{DEV}", "kid", **context)
        read = await tree.ask("zoe", "GET", f"/settings/limit/effective{DEV}", "kid")
        assert (lane.json()["value"], asked.status_code, read.json()["value"]) == (False, 200, 3)
        named = await tree.ask("zoe", "PUT", f"/flags/evaluate{DEV}", "kid", json={"definition": FLAG, **WHY},
                               headers=V1)  # fmt: skip
        assert (named.status_code, named.json()["type"]) == (403, "/problems/tenant-suspended")

    async def test_it_holds_for_all_below_and_ends_for_all(self, tree: Tree) -> None:
        await tree.found("kid")
        await tree.found("grandkid", handle="zoe", at="kid", tier="free")
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        await tree.close("kid", "suspend")
        refused = await tree.ask("zoe", "POST", "/flags", "grandkid", json=wish)
        assert refused.json()["type"] == "/problems/tenant-suspended"
        read = (await tree.ask("root", "GET", f"/tenants/{tree.made['grandkid']}")).json()
        assert (read["status"], read["standing"]) == ("active", "suspended")
        await tree.close("kid", "resume")
        assert (await tree.ask("zoe", "POST", "/flags", "grandkid", json=wish)).status_code == 201

    async def test_who_is_suspended_is_not_suspended_again(self, tree: Tree) -> None:
        await tree.found("kid")
        assert (await tree.close("kid", "resume")).json()["type"] == "/problems/tenant-status"
        await tree.close("kid", "suspend")
        again = await tree.close("kid", "suspend")
        assert (again.status_code, again.json()["tenant_status"]) == (409, "suspended")


@pytest.mark.req("FR-CFG-001")
class TestDeletion:
    async def test_nobody_enters_from_the_next_request_on(self, tree: Tree) -> None:
        await tree.found("kid")
        await tree.found("grandkid", handle="zoe", at="kid", tier="free")
        assert (await tree.delete("kid")).json()["status"] == "deleted"
        for at in ("kid", "grandkid"):
            answer = await tree.ask("zoe", "GET", "/me", at)
            assert (answer.status_code, answer.json()["type"]) == (401, "/problems/principal-unknown")

    async def test_no_seat_of_an_application_outlives_it(
        self, tree: Tree, eventually: Callable[..., Awaitable[Any]]
    ) -> None:
        await tree.found("kid")

        async def evaluated() -> int:
            answer = await tree.ask("zoe", "POST", "/ofrep/v1/evaluate/flags", "kid", json={"context": {}})
            return int(answer.status_code)

        async def entered() -> bool:
            return await evaluated() == 200

        async def shut() -> bool:
            return await evaluated() == 401

        await eventually(entered)
        await tree.delete("kid")
        await eventually(shut, 2.0)

    async def test_it_comes_back_as_it_was(self, tree: Tree) -> None:
        await tree.found("kid")
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await tree.ask("zoe", "POST", "/flags", "kid", json=wish)).status_code == 201
        await tree.close("kid", "suspend")
        await tree.delete("kid")
        recovered = await tree.close("kid", "recover")
        assert (recovered.json()["status"], recovered.json()["deleted_at"]) == ("suspended", None)
        assert (await tree.ask("zoe", "GET", f"/flags/checkout{DEV}", "kid")).status_code == 200

    async def test_after_thirty_days_it_does_not_come_back_and_its_id_stays_reserved(
        self, tree: Tree, stack: Any
    ) -> None:
        slug = await tree.found("kid")
        await tree.delete("kid")
        line = await asyncpg.connect(stack.endpoints.database_superuser_url)
        await line.execute("UPDATE tenant SET deleted_at = now() - interval '30 days' WHERE slug = $1", slug)
        await line.close()
        answer = await tree.close("kid", "recover")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/recovery-over")
        again = await tree.ask("root", "POST", "/tenants", json=tree.wish("kid"))
        assert again.json()["type"] == "/problems/tenant-name-taken"

    async def test_the_trail_stays_and_is_read_from_above(self, tree: Tree) -> None:
        slug = await tree.found("kid")
        await tree.delete("kid")
        first = (await tree.ask("aud", "GET", f"/tenants/{slug}/audit?limit=1")).json()
        assert first["items"][0]["action"] == "tenant:status:deleted"
        rest = (await tree.ask("aud", "GET", f"/tenants/{slug}/audit?cursor={first['next_cursor']}")).json()
        assert {each["action"] for each in rest["items"]} >= {"tenant:record:created", "principal:record:admitted"}
        own = (await tree.ask("aud", "GET", f"/audit-logs?action=audit:trail:read&resource={slug}")).json()
        assert len(own["items"]) == 2

    async def test_what_is_deleted_changes_no_more(self, tree: Tree) -> None:
        slug = await tree.found("kid")
        tag = (await tree.delete("kid")).headers["ETag"]
        wish = {"name": "Other", "tier": "free", **WHY}
        answers = [
            await tree.ask("root", "PUT", f"/tenants/{slug}", json=wish, headers={"If-Match": tag}),
            await tree.ask("root", "DELETE", f"/tenants/{slug}?reason=because", headers={"If-Match": tag}),
            await tree.close("kid", "suspend"),
        ]
        assert [answer.json()["type"] for answer in answers] == ["/problems/tenant-status"] * 3
        below = await tree.ask("root", "POST", "/tenants", json=tree.wish("late", parent=slug))
        assert below.status_code == 404

    async def test_asked_twice_it_is_deleted_once(self, tree: Tree) -> None:
        slug = await tree.found("kid")
        headers = {"If-Match": '"v1"', "Idempotency-Key": "delete-it"}
        answers = []
        for _ in range(2):
            answers.append(await tree.ask("root", "DELETE", f"/tenants/{slug}?reason=because", headers=headers))
            async with tree.world.services.store.transaction(tree.house.id) as tx:
                await tx.idempotency.release(tree.house.root.id, "delete-it")
        assert [answer.status_code for answer in answers] == [200, 200]
        page = await tree.ask("aud", "GET", f"/audit-logs?action=tenant:status:deleted&resource={slug}")
        assert len(page.json()["items"]) == 1


@pytest.mark.req("FR-CFG-001")
class TestPeople:
    def newcomer(self, tree: Tree, **more: Any) -> dict[str, Any]:
        who = {"handle": "yan", "issuer": tree.world.issuer.issuer, "subject": "yan", "roles": ["Viewer"]}
        return {**who, **WHY, **more}

    async def test_an_administrator_lets_others_in(self, tree: Tree) -> None:
        await tree.found("kid")
        answer = await tree.ask("zoe", "POST", "/people", "kid", json=self.newcomer(tree))
        assert (answer.status_code, answer.json()["roles"]) == (201, ["Viewer"])
        assert (await tree.ask("yan", "GET", "/me", "kid")).json()["handle"] == "yan"
        refused = await tree.ask("yan", "POST", "/people", "kid", json=self.newcomer(tree, handle="more"))
        assert refused.status_code == 403
        assert (await tree.ask("yan", "GET", "/me")).status_code == 401

    async def test_nobody_comes_in_twice(self, tree: Tree) -> None:
        await tree.found("kid")
        await tree.ask("zoe", "POST", "/people", "kid", json=self.newcomer(tree))
        for more in ({"subject": "other"}, {"handle": "other"}):
            again = await tree.ask("zoe", "POST", "/people", "kid", json=self.newcomer(tree, **more))
            assert (again.status_code, again.json()["type"]) == (409, "/problems/person-known")

    async def test_not_more_than_there_may_be(self, tree: Tree) -> None:
        await tree.found("kid", quotas={"people": 1})
        full = await tree.ask("zoe", "POST", "/people", "kid", json=self.newcomer(tree))
        assert (full.status_code, full.json()["quota"]) == (409, "people")
