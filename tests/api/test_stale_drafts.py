"""A draft over what is served now is no longer one over it when that goes back, and says so before anybody is asked."""

from typing import Any
from uuid import uuid4

import pytest

from domain.rollouts import State
from tests.api.driving import begun
from tests.api.trees import DEV, FLAG, WHY

ON: dict[str, Any] = {**FLAG, "defaultVariant": "on"}
LATER: dict[str, Any] = {**ON, "metadata": {"owner": "shop"}}


def change(definition: Any, base_version: int) -> dict[str, Any]:
    return {
        "environment": "dev", "key": "checkout", "definition": definition, "base_version": base_version,
        "plan": {"strategy": "direct"}, **WHY,
    }  # fmt: skip


@pytest.fixture
async def checkout(ask: Any) -> None:
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201


@pytest.mark.req("S79")
async def test_draft_over_what_went_back_is_flagged_and_is_rebased_first(
    ask: Any, world: Any, house: Any, checkout: None
) -> None:
    made = (await ask("root", "POST", "/changes", json=change(ON, 1))).json()

    async def as_root(method: str, path: str) -> Any:
        return await ask("root", method, path)

    drive = await begun(world, house, made["id"], as_root)
    version = await drive.expose()
    draft = (await ask("ada", "POST", "/changes", json=change(LATER, version))).json()
    assert (await ask("ada", "GET", f"/changes/{draft['id']}/diff")).json()["moved"] is False
    assert await drive.go_back() is State.ROLLED_BACK
    diff = (await ask("ada", "GET", f"/changes/{draft['id']}/diff")).json()
    assert (diff["moved"], diff["base_version"], diff["present_version"]) == (True, version, version + 1)
    refused = await ask("ada", "POST", f"/changes/{draft['id']}/submit")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/base-version-conflict")
    rebased = await ask("ada", "POST", f"/changes/{draft['id']}/rebase", headers={"Idempotency-Key": str(uuid4())})
    assert rebased.status_code == 201, rebased.text
    assert rebased.json()["definition"] == {**FLAG, "metadata": {"owner": "shop"}}
    assert (await ask("ada", "POST", f"/changes/{rebased.json()['id']}/submit")).status_code == 200
    served = (await ask("eve", "GET", f"/flags/checkout{DEV}")).json()
    assert served["definition"]["defaultVariant"] == "off"
