import asyncio
from typing import Any
from uuid import UUID

import pytest

from application import parts
from domain.changes import BaseVersionConflict
from domain.errors import Stale
from domain.rollouts import StaleGeneration, State
from tests.api.driving import Drive, begun

WHY = "because of the test"
OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON = {**OFF, "defaultVariant": "on"}
DIRECT = {"strategy": "direct"}


def many(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"environment": "dev", "targets": list(targets), "plan": DIRECT, "reason": WHY, **more}


def flag(key: str = "checkout", definition: Any = ON, base_version: int | None = 1) -> dict[str, Any]:
    return {"kind": "flag", "key": key, "definition": definition, "base_version": base_version}


def config(value: Any, key: str = "upload.limit", **more: Any) -> dict[str, Any]:
    return {"kind": "config", "key": key, "value": value, **more}


@pytest.fixture
async def stocked(ask: Any, define: Any) -> Any:
    """Two flags that are off and two settings with a rule between them."""
    for key in ("checkout", "search"):
        wish = {"environment": "dev", "key": key, "definition": OFF, "reason": WHY}
        answer = await ask("ada", "POST", "/flags", json=wish)
        assert answer.status_code == 201, answer.text
    await define(key="upload.limit", type="integer", default=10, scopes=["tenant", "company"])
    await define(key="upload.burst", type="integer", default=20, scopes=["tenant", "company"])
    return ask


@pytest.fixture
def start(world: Any, house: Any, ask: Any) -> Any:
    """Proposes as root, submits and admits; in this environment nobody needs to approve."""

    async def started(wish: dict[str, Any]) -> Drive:
        made = await ask("root", "POST", "/changes", json=wish)
        assert made.status_code == 201, made.text

        async def as_root(method: str, path: str) -> Any:
            return await ask("root", method, path)

        return await begun(world, house, made.json()["id"], as_root)

    return started


async def served(ask: Any) -> dict[str, Any]:
    flags = {key: (await ask("eve", "GET", f"/flags/{key}?environment=dev")).json() for key in ("checkout", "search")}
    limit = await ask("eve", "GET", "/settings/upload.limit/effective?environment=dev")
    return {**{key: each["definition"]["defaultVariant"] for key, each in flags.items()}, "limit": limit.json()}


class TestProposing:
    @pytest.mark.req("S55", "FR-CFG-005")
    async def test_every_fault_is_at_its_target(self, stocked: Any) -> None:
        wish = many(
            flag(definition={**ON, "state": "MAYBE"}), config("many"), flag("search", {**ON, "defaultVariant": "up"}),
            config(1, "nobody.knows"),
        )  # fmt: skip
        answer = await stocked("ada", "POST", "/changes", json=wish)
        assert answer.status_code == 422
        paths = [fault["path"] for fault in answer.json()["faults"]]
        assert "/targets/0/definition/state" in paths
        assert any(path.startswith("/targets/2/definition") for path in paths)
        assert "/targets/3/key" in paths

    async def test_a_value_that_is_none_is_at_its_target(self, stocked: Any) -> None:
        answer = await stocked("ada", "POST", "/changes", json=many(flag(), config("many")))
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/targets/1/value"]

    async def test_rules_look_at_all_values_together(self, stocked: Any) -> None:
        rule = {
            "id": "room", "kind": "expression", "expression": "value('upload.burst') >= value('upload.limit')",
            "message": "no room to burst",
        }  # fmt: skip
        await stocked("ada", "PUT", "/setting-rules", json={"rules": [rule], "reason": WHY}, headers={"If-Match": "*"})
        together = await stocked("ada", "POST", "/changes", json=many(config(50), config(60, "upload.burst")))
        assert together.status_code == 201, together.text

    async def test_two_targets_are_two(self, stocked: Any) -> None:
        answer = await stocked("ada", "POST", "/changes", json=many(config(1), flag(), config(2)))
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/targets/2/key"]

    async def test_is_of_one_flag_or_of_targets(self, stocked: Any) -> None:
        both = {**many(flag()), "key": "checkout", "definition": ON, "base_version": 1}
        neither = {"environment": "dev", "reason": WHY}
        assert (await stocked("ada", "POST", "/changes", json=both)).status_code == 422
        answer = await stocked("ada", "POST", "/changes", json=neither)
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/key", "/definition", "/base_version"]

    async def test_values_have_no_shares_of_subjects(self, stocked: Any) -> None:
        answer = await stocked("ada", "POST", "/changes", json=many(flag(), config(1), plan={}))
        (fault,) = answer.json()["faults"]
        assert fault["path"] == "/targets/1/kind"
        assert "choose tenants" in fault["message"]

    async def test_whoever_manages_no_settings_writes_none(self, stocked: Any) -> None:
        assert (await stocked("eve", "POST", "/changes", json=many(config(1)))).status_code == 403

    @pytest.mark.req("S13")
    async def test_all_that_moved_are_named(self, stocked: Any) -> None:
        wish = many(flag(base_version=7), flag("search", base_version=3), config(1, base_version=9))
        answer = await stocked("ada", "POST", "/changes", json=wish)
        assert (answer.status_code, answer.json()["moved"]) == (409, ["checkout", "search", "#upload.limit"])

    async def test_its_difference_is_told_target_by_target(self, stocked: Any) -> None:
        made = (await stocked("ada", "POST", "/changes", json=many(flag(), config(30), flag("search")))).json()
        assert [(each["kind"], each["key"]) for each in made["targets"]] == [
            ("flag", "checkout"), ("setting", "#upload.limit"), ("flag", "search")
        ]  # fmt: skip
        diff = (await stocked("eve", "GET", f"/changes/{made['id']}/diff")).json()
        assert (diff["moved"], diff["target"]["key"]) == (False, "checkout and 2 more")
        assert {line["path"] for line in diff["changes"]} == {
            "/checkout/defaultVariant", "/search/defaultVariant", "/#upload.limit"
        }  # fmt: skip


class TestReleasing:
    @pytest.mark.req("S64", "FR-CFG-006")
    async def test_as_one_and_back_as_one(self, stocked: Any, start: Any) -> None:
        before = await served(stocked)
        drive = await start(many(flag(), config(30), flag("search")))
        await drive.expose()
        after = await served(stocked)
        assert (after["checkout"], after["search"], after["limit"]["value"]) == ("on", "on", 30)
        assert await drive.go_back() is State.ROLLED_BACK
        assert {**await served(stocked), "limit": None} == {**before, "limit": None}
        assert (await served(stocked))["limit"]["value"] == 10

    @pytest.mark.req("S72")
    async def test_what_was_written_since_stays(self, stocked: Any, start: Any) -> None:
        drive = await start(many(flag(), flag("search")))
        await drive.expose()
        path = "/flags/checkout/kill?environment=dev"
        wrote = await stocked("root", "POST", path, json={"variant": "off", "reason": WHY})
        assert wrote.status_code == 200, wrote.text
        assert await drive.go_back() is State.ROLLBACK_INCOMPLETE
        now = await served(stocked)
        assert (now["checkout"], now["search"]) == ("off", "off")

    @pytest.mark.req("S85", "I3")
    async def test_of_two_that_overlap_in_opposite_order_one_is_fenced_off(
        self, stocked: Any, world: Any, house: Any
    ) -> None:
        """The writes alone, whatever else would keep the two apart: neither waits for the other for ever."""
        wishes = [many(flag(), flag("search"), config(1)), many(config(2), flag("search"), flag())]
        made = [(await stocked("root", "POST", "/changes", json=wish)).json()["id"] for wish in wishes]
        for each in made:
            assert (await stocked("root", "POST", f"/changes/{each}/submit")).status_code == 200

        async def written(change: str) -> bool:
            try:
                async with world.services.store.transaction(house.tenant.id) as tx:
                    rollout, whole = await tx.rollouts.get(UUID(change)), await tx.changes.get(UUID(change))
                    await parts.expose(tx, rollout, whole, 0)
            except (StaleGeneration, Stale, BaseVersionConflict):
                return False
            return True

        assert sorted(await asyncio.gather(*(written(each) for each in made))) == [False, True]
        now = await served(stocked)
        assert (now["checkout"], now["search"]) == ("on", "on")
