"""A financial change that waits for a close is let through by it, over the API."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.admission import Admitting
from application.progression import Step
from domain.rollouts import State
from tests.api.bookkeeping import WHY
from tests.api.closing import Closing

VAT = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on", "metadata": {"financial": True},
}  # fmt: skip


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    made = Closing(ask, world, house)
    await made.settle_in()
    return made


@pytest.mark.req("FR-SM-023")
async def test_what_waits_for_a_close_is_released_by_somebody_else(closing: Closing, ask: Any) -> None:
    plan = {"strategy": "direct"}
    wish = {"environment": "production", "key": "vat", "definition": VAT, "base_version": 0, "plan": plan, **WHY}
    rollout = (await closing.ok("ada", "POST", "/rollouts", json=wish))["rollout"]["id"]
    for handle in ("bob", "cyd"):
        await closing.ok(handle, "POST", f"/approvals/{rollout}/approve", json={})
    close = await closing.begin()
    await closing.frozen(close)
    assert await admitted(closing, rollout) is State.BLOCKED
    waits = await closing.ok("eve", "GET", f"/rollouts/{rollout}")
    assert (waits["state"], waits["cause"]) == ("BLOCKED", f"period_close:kit/2025-01:{close}")

    path, said = f"/period-closures/{close}/releases", {"change": rollout, **WHY}
    refused = await ask("ada", "POST", path, json=said)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/sod-violation")
    assert (await ask("eve", "POST", path, json=said)).status_code == 403
    assert (await ask("root", "POST", path, json={**said, "change": str(uuid4())})).status_code == 404
    key = {"Idempotency-Key": "let-vat-through"}
    for _ in range(2):
        released = await closing.ok("root", "POST", path, json=said, headers=key)
    lines = [each for each in released["timeline"] if each["step"] == f"release:{rollout}"]
    assert [(each["cause"], each["reason"]) for each in lines] == [("released", WHY["reason"])]
    assert await admitted(closing, rollout) is State.RUNNING


async def admitted(closing: Closing, rollout: str) -> State:
    """Asked whether it may start, as its workflow would."""
    step = Step(UUID(rollout), closing.house.id, str(uuid4()), closing.world.services.clock())
    return (await Admitting(closing.world.services.store).admit(step)).state
