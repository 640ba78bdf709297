"""Who may promote, and past what: over HTTP, before any process is asked."""

from dataclasses import replace
from typing import Any

import pytest

from domain.gates import Verdict
from tests.api.driving import Drive, begun
from tests.api.trees import FLAG, WHY


@pytest.fixture
async def drive(ask: Any, world: Any, house: Any) -> Drive:
    """One that serves its first stage."""
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
    change = {
        "environment": "dev", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1,
        "plan": {"stages": [10, 100]}, "gates": {"acknowledge_infeasible": True}, **WHY,
    }  # fmt: skip
    made = await ask("root", "POST", "/changes", json=change)
    assert made.status_code == 201, made.text

    async def as_root(method: str, path: str) -> Any:
        return await ask("root", method, path)

    drive = await begun(world, house, made.json()["id"], as_root)
    await drive.expose()
    return drive


async def judged(drive: Drive, verdict: Verdict | None) -> None:
    async with drive.store.transaction(drive.tenant) as tx:
        found = await tx.rollouts.get(drive.rollout, lock=True)
        assert found is not None
        await tx.rollouts.save(replace(found, verdict=verdict))


@pytest.mark.req("S38")
class TestPromotion:
    @pytest.mark.parametrize("handle", ["ada", "bob", "eve"])
    async def test_without_the_permission_is_403(self, ask: Any, drive: Drive, handle: str) -> None:
        await judged(drive, Verdict.PASS)
        refused = await ask(handle, "POST", f"/deployments/{drive.rollout}/promote", json=WHY)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/permission-missing")

    @pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.NO_DATA, Verdict.PROVIDER_ERROR, None])
    async def test_past_a_gate_that_fails_or_sees_nothing_is_409(
        self, ask: Any, drive: Drive, verdict: Verdict | None
    ) -> None:
        await judged(drive, verdict)
        refused = await ask("olu", "POST", f"/deployments/{drive.rollout}/promote", json=WHY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/stage-gate-not-passed")
        found = (await ask("eve", "GET", f"/deployments/{drive.rollout}")).json()
        assert (found["state"], found["percent"]) == ("RUNNING", 10)
