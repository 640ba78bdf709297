"""What was rolled out to many tenants is taken back from them as it was rolled out: as a change, with all its steps."""

from typing import Any
from uuid import UUID

import pytest

from domain.rollouts import State
from tests.api.driving import Drive
from tests.api.test_tenant_deployments import NAMES, family, has, started  # noqa: F401 -- fixtures go by their name
from tests.api.trees import DEV, FLAG, WHY, Tree


async def everybody(tree: Tree) -> list[tuple[str, Any]]:
    return [await has(tree, name) for name in NAMES]


async def done(tree: Tree) -> Drive:
    drive = await started(tree)
    await drive.expose()
    assert await drive.succeed() is State.SUCCEEDED
    return drive


async def back(tree: Tree, change: UUID) -> Drive:
    """The change that takes it back, admitted."""
    answer = await tree.ask("root", "POST", f"/changes/{change}/revert", json=WHY)
    assert answer.status_code == 202, answer.text
    submitted = answer.json()["submitted"]
    drive = Drive(tree.world.services.store, tree.house.tenant.id, UUID(submitted["rollout"]["id"]))
    assert (await drive.admit()).state is State.RUNNING
    return drive


@pytest.mark.req("FR-CFG-008")
class TestRevertOverTenants:
    async def test_gives_everybody_again_what_they_had(self, family: Tree) -> None:  # noqa: F811 -- the fixture
        drive = await done(family)
        assert await everybody(family) == [("on", 30)] * 3
        reverting = await back(family, drive.rollout)
        await reverting.expose()
        assert await reverting.succeed() is State.SUCCEEDED
        assert await everybody(family) == [("off", 10)] * 3

    async def test_is_itself_taken_back_on_its_way(self, family: Tree) -> None:  # noqa: F811 -- the fixture
        drive = await done(family)
        reverting = await back(family, drive.rollout)
        await reverting.expose()
        assert await reverting.go_back() is State.ROLLED_BACK
        assert await everybody(family) == [("on", 30)] * 3

    async def test_tells_first_who_has_written_since_and_leaves_them_alone(
        self,
        family: Tree,  # noqa: F811 -- the fixture
    ) -> None:
        drive = await done(family)
        own = {"definition": {**FLAG, "metadata": {"own": True}}, **WHY}
        put = await family.ask(
            "zoe", "PUT", f"/flags/checkout{DEV}", "ben", json=own, headers={"If-Match": '"v2"'}
        )  # fmt: skip
        assert put.status_code == 200, put.text
        told = await family.ask("root", "POST", f"/changes/{drive.rollout}/revert", json={**WHY, "dry_run": True})
        assert told.status_code == 200, told.text
        touched = {each["key"]: each["touched"] for each in told.json()["keys"]}
        mine = f"{family.made['ben']}: checkout"
        assert (touched.pop(mine), set(touched.values())) == (True, {False})
        reverting = await back(family, drive.rollout)
        await reverting.expose()
        assert await everybody(family) == [("off", 10), ("off", 30), ("off", 10)]  # each tenant whole, or not at all
        flag = (await family.ask("zoe", "GET", f"/flags/checkout{DEV}", "ben")).json()
        assert flag["definition"]["metadata"] == {"own": True}

    async def test_is_nobody_elses_to_ask_for(self, family: Tree) -> None:  # noqa: F811 -- the fixture
        drive = await done(family)
        below = await family.ask("zoe", "POST", f"/changes/{drive.rollout}/revert", "ben", json=WHY)
        assert below.status_code == 404
        without = await family.ask("ada", "POST", f"/changes/{drive.rollout}/revert", json=WHY)
        assert without.status_code == 403
        assert await everybody(family) == [("on", 30)] * 3
