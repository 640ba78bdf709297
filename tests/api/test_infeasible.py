"""What gates could not see is refused before anybody is asked, unless whoever proposes says that they know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application.ports.records import StoredFlag
from domain.environments import Environment
from tests.api.trees import FLAG, WHY

CHANGE: dict[str, Any] = {
    "environment": "production", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"},
    "base_version": 1, "plan": {}, **WHY,
}  # fmt: skip


@pytest.fixture
async def quiet(ask: Any, world: Any, house: Any) -> None:
    """For an hour the flag has been off for everybody, and two asked in each minute."""
    async with world.services.store.transaction(house.id) as tx:
        await tx.flags.put(StoredFlag(Environment.PRODUCTION, "checkout", 1, FLAG, "test", None, tx.now), expected=0)
    now = datetime.now(UTC).replace(microsecond=0)
    samples = [
        {
            "environment": "production", "key": "checkout", "variant": "off", "requests": 60, "errors": 1,
            "window_end": (now - timedelta(minutes=minute)).isoformat(),
        }
        for minute in range(1, 60)
    ]  # fmt: skip
    assert (await ask("shop", "POST", "/telemetry", json={"batch": "b", "samples": samples})).status_code == 200


@pytest.mark.req("S45")
async def test_little_traffic_is_422_and_acknowledged_it_is_shown_to_approvers(ask: Any, quiet: None) -> None:
    refused = await ask("ada", "POST", "/changes", json=CHANGE)
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (422, "/problems/gate-not-feasible"), problem
    assert problem["min_detectable_ratio"] is None or problem["min_detectable_ratio"] > 3
    known = {**CHANGE, "gates": {"acknowledge_infeasible": True}}
    begun = await ask("ada", "POST", "/rollouts", json=known)
    assert begun.status_code == 201, begun.text
    brief = (await ask("bob", "GET", f"/approvals/{begun.json()['approval']}/brief")).json()
    assert brief["accepted_blind"] is True
    assert brief["sees_from"] == pytest.approx(problem["min_detectable_ratio"], abs=0.01)
