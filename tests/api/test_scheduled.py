"""A change that is to start at a moment says so wherever somebody looks, and an operator may start it now."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from application.progression import Progression
from domain.rollouts import DUE, State
from tests.api.driving import Drive
from tests.api.watching import blocks

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}


@pytest.fixture
def propose(ask: Any) -> Any:
    """A change in dev, which needs nobody's approval, that is to start in so many hours."""

    async def proposed(key: str, hours: float, **more: Any) -> dict[str, Any]:
        flag = {"environment": "dev", "key": key, "definition": FLAG, **WHY}
        await ask("ada", "POST", "/flags", json=flag)
        plan = {"strategy": "direct", "apply_at": (datetime.now(UTC) + timedelta(hours=hours)).isoformat(), **more}
        wish = {"environment": "dev", "key": key, "definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1}
        begun = await ask("ada", "POST", "/rollouts", json={**wish, "plan": plan, **WHY})
        assert begun.status_code == 201, begun.text
        found: dict[str, Any] = begun.json()["rollout"]
        return found

    return proposed


@pytest.fixture
async def waiting(world: Any, house: Any, propose: Any) -> dict[str, Any]:
    found: dict[str, Any] = await propose("checkout", 10)
    drive = Drive(world.services.store, house.tenant.id, UUID(found["id"]))
    assert await Progression(drive.store).move(drive.step(), State.SCHEDULED, DUE) is State.SCHEDULED
    return found


@pytest.mark.req("SD2")
async def test_they_are_listed_by_their_moment(ask: Any, propose: Any) -> None:
    later, sooner = await propose("checkout", 10), await propose("search", 5)
    await ask("ada", "POST", f"/changes/{(await propose('gone', 1))['id']}/withdraw", json={"reason": "not now"})
    first = (await ask("eve", "GET", "/rollouts/scheduled?limit=1")).json()
    assert [each["id"] for each in first["items"]] == [sooner["id"]]
    rest = (await ask("eve", "GET", f"/deployments/scheduled?cursor={first['next_cursor']}")).json()
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([later["id"]], None)


@pytest.mark.req("SD2")
async def test_until_when_it_waits_is_said_wherever_somebody_looks(
    ask: Any, waiting: dict[str, Any], onlooker: Any
) -> None:
    path, moment = f"/deployments/{waiting['id']}", datetime.fromisoformat(waiting["plan"]["apply_at"])
    now = (await ask("eve", "GET", path)).json()
    assert (now["state"], datetime.fromisoformat(now["waits_until"])) == ("SCHEDULED", moment)
    last = (await ask("eve", "GET", f"{path}/timeline")).json()["items"][-1]
    assert (last["cause"], datetime.fromisoformat(last["until"])) == (DUE, moment)
    async with onlooker.stream("GET", f"/api/v1{path}/events?seconds=1") as answer:
        told = [json.loads(each["data"]) async for each in blocks(answer) if each.get("event") == "transition"]
    assert datetime.fromisoformat(told[-1]["until"]) == moment
    assert (await ask("eve", "GET", f"/approvals/{waiting['id']}")).json()["change"]["plan"] == waiting["plan"]
    steps = (await ask("eve", "GET", f"/approvals/{waiting['id']}/brief")).json()["steps"]
    assert steps == f"everybody at once, not before {moment.isoformat(timespec='minutes')}"


@pytest.mark.req("SD2")
async def test_an_operator_starts_it_now_and_says_why(ask: Any, waiting: dict[str, Any]) -> None:
    path = f"/rollouts/{waiting['id']}/start"
    assert (await ask("ada", "POST", path, json=WHY)).status_code == 403
    assert (await ask("olu", "POST", path, json={"reason": ""})).status_code == 422
    started = await ask("olu", "POST", path, json=WHY)
    assert (started.status_code, started.json()["state"], started.json()["waits_until"]) == (200, "QUEUED", None)
    again = await ask("olu", "POST", path, json=WHY)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/not-running")


@pytest.mark.req("SD1", "SD3")
async def test_its_moments_are_checked_and_it_is_compared_with_what_the_change_before_it_leaves(
    ask: Any, propose: Any
) -> None:
    first = await propose("checkout", 10)
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, "base_version": 1, **WHY}
    plan = {"strategy": "direct", "apply_at": "2020-01-01T00:00:00Z", "after": first["id"]}
    refused = await ask("ada", "POST", "/changes", json={**wish, "plan": plan})
    assert [each["path"] for each in refused.json()["faults"]] == ["/plan/apply_at"]
    moment = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    second = await ask("ada", "POST", "/changes", json={**wish, "plan": {**plan, "apply_at": moment}})
    assert second.status_code == 201, second.text
    path = f"/changes/{second.json()['id']}"
    told = (await ask("eve", "GET", f"{path}/diff")).json()
    assert [(each["path"], each["after"]) for each in told["changes"]] == [("/defaultVariant", "off")]
    weighed = await ask("eve", "POST", f"{path}/impact", json={"contexts": [{"targetingKey": "ann"}]})
    assert (weighed.status_code, weighed.json()["changed"]) == (200, 1), weighed.text
