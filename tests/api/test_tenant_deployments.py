from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.rollouts import State
from tests.api.driving import Drive, begun
from tests.api.trees import DEV, FLAG, WHY, Tree

ON = {**FLAG, "defaultVariant": "on"}
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company"]}
DIRECT = {"strategy": "direct"}
GROWING = {
    "strategy": "canary", "audience": {"mode": "tenant"}, "bake_seconds": 0,
    "stages": [{"percent": 34, "min_soak_seconds": 0}, {"percent": 100, "min_soak_seconds": 0}],
}  # fmt: skip
NAMES = ("ann", "ben", "cat")


@pytest.fixture
async def family(tree: Tree) -> Tree:
    """Three tenants below, each with a flag that is off and a setting that nobody has set."""
    for name in NAMES:
        await tree.found(name)
        flag = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await tree.ask("zoe", "POST", "/flags", name, json=flag)).status_code == 201
        wish = {"definition": LIMIT, **WHY}
        assert (await tree.ask("zoe", "POST", "/setting-definitions", name, json=wish)).status_code == 201
    return tree


def wish(**more: Any) -> dict[str, Any]:
    targets = [
        {"kind": "flag", "key": "checkout", "definition": ON},
        {"kind": "config", "key": "upload.limit", "value": 30},
    ]  # fmt: skip
    return {"environment": "dev", "targets": targets, "tenants": {"all": True}, "plan": DIRECT, **WHY, **more}


async def started(tree: Tree, **more: Any) -> Drive:
    made = await tree.ask("root", "POST", "/changes", json=wish(**more))
    assert made.status_code == 201, made.text

    async def as_root(method: str, path: str) -> Any:
        return await tree.ask("root", method, path)

    return await begun(tree.world, tree.house, made.json()["id"], as_root)


async def has(tree: Tree, name: str) -> tuple[str, Any]:
    flag = (await tree.ask("zoe", "GET", f"/flags/checkout{DEV}", name)).json()
    limit = (await tree.ask("zoe", "GET", f"/settings/upload.limit/effective{DEV}", name)).json()
    return flag["definition"]["defaultVariant"], limit["value"]


async def shown(tree: Tree, wanted: list[tuple[str, int]]) -> list[tuple[str, Any]] | None:
    """What each has, once these are it in any order: an API hears a moment later of what another process wrote."""
    served = [await has(tree, name) for name in NAMES]
    return served if sorted(served) == wanted else None


class TestProposing:
    async def test_whoever_manages_no_tenants_changes_none(self, family: Tree) -> None:
        assert (await family.ask("ada", "POST", "/changes", json=wish())).status_code == 403

    async def test_a_tenant_that_cannot_take_it_says_why_before_anybody_is_asked(self, family: Tree) -> None:
        lonely = await family.found("dan")
        answer = await family.ask("root", "POST", "/changes", json=wish())
        assert answer.status_code == 422
        (fault,) = answer.json()["faults"]
        assert fault["path"] == "/tenants"
        assert lonely in fault["message"]

    @pytest.mark.parametrize(
        ("more", "path"),
        [
            ({"tenants": {"all": True, "slugs": ["x"]}}, "/tenants"),
            ({"tenants": {"tiers": ["golden"]}}, "/tenants/tiers"),
            ({"tenants": {"slugs": ["nobody-here"]}}, "/tenants"),
            ({"plan": {}}, "/plan/audience/mode"),
            ({"tenants": None, "plan": {"strategy": "rolling", "batches": {"size": 1}}}, "/tenants"),
        ],
    )
    async def test_a_choice_that_is_none_is_refused(self, family: Tree, more: dict[str, Any], path: str) -> None:
        targets = [{"kind": "config", "key": "upload.limit", "value": 30}]
        answer = await family.ask("root", "POST", "/changes", json=wish(targets=targets, **more))
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, path)

    @pytest.mark.parametrize(
        ("says", "why"), [({"value": 7, "enforced": True}, "setting-enforced"), ({"constraint": {"maximum": 20}}, "")]
    )
    async def test_what_a_tenant_above_keeps_stays_as_it_is(
        self, family: Tree, says: dict[str, Any], why: str
    ) -> None:  # fmt: skip
        definition = {"definition": LIMIT, **WHY}
        assert (await family.ask("root", "POST", "/setting-definitions", json=definition)).status_code == 201
        path = f"/tenants/{family.house.tenant.slug}/locks/upload.limit{DEV}"
        locked = await family.ask("root", "PUT", path, json={**says, **WHY}, headers={"If-Match": '"v0"'})
        assert locked.status_code == 200, locked.text
        answer = await family.ask("root", "POST", "/changes", json=wish())
        faults = answer.json()["faults"]
        assert [fault["path"] for fault in faults] == ["/tenants"] * 3
        assert all(why in fault["message"] for fault in faults)
        allowed = {"strategy": "rolling", "batches": {"size": 5, "pause_seconds": 0, "max_failed": 3}}
        drive = await started(family, plan=allowed)
        await drive.expose()
        assert {(await has(family, name))[0] for name in NAMES} == {"off"}

    async def test_nobody_is_told_of_a_tenant_that_is_not_below(self, family: Tree) -> None:
        other = family.made["ann"]
        tenants = {"slugs": [other]}
        answer = await family.ask("zoe", "POST", "/changes", "ben", json=wish(tenants=tenants))
        assert answer.status_code == 422
        assert "no open tenant below" in answer.text

    async def test_reaches_as_many_tenants_as_there_are(self, family: Tree) -> None:
        made = (await family.ask("root", "POST", "/changes", json=wish(tenants={"slugs": [family.made["ann"]]}))).json()
        assert made["tenants"] == {"slugs": [family.made["ann"]]}
        sent = await family.ask("root", "POST", f"/changes/{made['id']}/submit")
        reach = sent.json()["change"]["reach"]
        assert (reach["tenants"], reach["scopes"]) == (1, 2)
        assert reach["tenant_share"] == pytest.approx(1 / 3)


class TestReleasing:
    @pytest.mark.req("FR-CFG-006", "S69")
    async def test_writes_in_every_tenant_and_takes_it_back(
        self, family: Tree, eventually: Callable[..., Awaitable[Any]]
    ) -> None:
        drive = await started(family)
        await drive.expose()
        await eventually(lambda: shown(family, [("on", 30)] * 3))
        assert await drive.go_back() is State.ROLLED_BACK
        await eventually(lambda: shown(family, [("off", 10)] * 3))

    @pytest.mark.req("S42", "S44")
    async def test_grows_over_tenants_and_reaches_who_came_meanwhile(
        self, family: Tree, eventually: Callable[..., Awaitable[Any]]
    ) -> None:
        drive = await started(family, plan=GROWING)
        await drive.expose()
        served = await eventually(lambda: shown(family, [("off", 10), ("on", 30), ("on", 30)]))
        assert await drive.go_back() is State.ROLLED_BACK
        again = await started(family, plan=GROWING)
        await again.expose()
        assert await eventually(lambda: shown(family, sorted(served))) == served

    async def test_stands_in_the_trail_of_each_tenant(self, family: Tree) -> None:
        drive = await started(family)
        await drive.expose()
        path = f"/tenants/{family.made['ann']}/audit?action=flag:exposure:changed"
        page = (await family.ask("root", "GET", path)).json()
        assert [each["change"] for each in page["items"]] == [str(drive.rollout)]

    @pytest.mark.req("S72")
    async def test_what_a_tenant_wrote_since_stays(
        self, family: Tree, eventually: Callable[..., Awaitable[Any]]
    ) -> None:
        drive = await started(family)
        await drive.expose()
        path = f"/flags/checkout/kill{DEV}"
        killed = await family.ask("zoe", "POST", path, "ben", json={"variant": "off", **WHY})
        assert killed.status_code == 200, killed.text
        assert await drive.go_back() is State.ROLLBACK_INCOMPLETE
        await eventually(lambda: shown(family, [("off", 10)] * 3))
        versions = await family.ask("zoe", "GET", f"/flags/checkout/versions{DEV}", "ben")
        assert versions.json()["items"][0]["origin"] == "kill"
