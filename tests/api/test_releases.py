"""Freezes, windows and policies over the API, and what they make of a submission."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from uuid import UUID, uuid4

import pytest

from application.admission import Admitting
from application.progression import Step
from domain.locks import DEPTH
from domain.rollouts import State

OFF: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON = {**OFF, "defaultVariant": "on"}
WHY = {"reason": "because of the test"}
OFFICE = {"time_zone": "Europe/Berlin", "hours": {"mon": [["09:00", "17:00"]]}}
V0, V1 = {"If-Match": '"v0"'}, {"If-Match": '"v1"'}


def later(**by: float) -> str:
    return (datetime.now(UTC) + timedelta(**by)).isoformat()


@pytest.fixture
def begun(ask: Any) -> Any:
    """Submits a change of a flag that is not there yet."""

    async def begin(key: str = "checkout", **plan: Any) -> Any:
        wish = {"environment": "dev", "key": key, "definition": ON, "base_version": 0, **WHY,
                "plan": {"strategy": "direct", **plan}}  # fmt: skip
        return await ask("ada", "POST", "/rollouts", json=wish)

    return begin


@pytest.fixture
def admitted(world: Any, house: Any) -> Any:
    """Asks for a rollout whether it may start, as its workflow would."""

    async def admit(rollout: str) -> State:
        step = Step(UUID(rollout), house.id, str(uuid4()), world.services.clock())
        return (await Admitting(world.services.store).admit(step)).state

    return admit


@pytest.mark.req("S88")
class TestFreezes:
    async def test_are_set_read_listed_and_lifted(self, ask: Any) -> None:
        wish = {"scope": {"environment": "dev", "kinds": ["flag"], "prefix": "check"}, "until": later(days=2),
                "running": "pause", "owner": "books", **WHY}  # fmt: skip
        made = await ask("olu", "POST", "/freezes", json=wish)
        assert made.status_code == 201, made.text
        told = made.json()
        assert (told["owner"], told["running"], told["lifted_at"]) == ("books", "pause", None)
        assert told["scope"] == {"environment": "dev", "kinds": ["flag"], "prefix": "check", "tag": None}
        assert (await ask("eve", "GET", f"/freezes/{told['id']}")).json() == told
        assert (await ask("eve", "GET", "/freezes")).json()["items"] == [told]
        assert (await ask("eve", "GET", f"/blocks/{told['id']}")).status_code == 404
        for _ in range(2):
            lifted = await ask("olu", "DELETE", f"/freezes/{told['id']}?reason=because")
            assert lifted.status_code == 200
            assert lifted.json()["lifted_at"] is not None

    async def test_sent_twice_are_one(self, ask: Any) -> None:
        key, wish = {"Idempotency-Key": str(uuid4())}, {"until": later(days=1), **WHY}
        first, second = [await ask("olu", "POST", "/freezes", json=wish, headers=key) for _ in range(2)]
        assert first.json() == second.json()
        assert len((await ask("eve", "GET", "/freezes")).json()["items"]) == 1

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({}, "/until"),
            ({"until": "2020-01-01T00:00:00Z"}, "/until"),
            ({"until": "2150-01-01T00:00:00Z"}, "/until"),
            ({"until": later(days=1), "scope": {"kinds": ["cloud"]}}, "/scope/kinds/0"),
            ({"until": later(days=1), "scope": {"kinds": ["period-close"]}}, "/scope/kinds/0"),
            ({"until": later(days=1), "running": "stop"}, "/running"),
        ],
    )
    async def test_have_an_end_and_a_scope_that_is_known(self, ask: Any, wish: dict[str, Any], path: str) -> None:
        answer = await ask("olu", "POST", "/freezes", json={**wish, **WHY})
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])

    async def test_blocks_need_no_end_and_have_one(self, ask: Any) -> None:
        made = (await ask("olu", "POST", "/blocks", json=WHY)).json()
        lasts = datetime.fromisoformat(made["until"]) - datetime.fromisoformat(made["from"])
        assert lasts == timedelta(days=90)
        assert [each["id"] for each in (await ask("eve", "GET", "/blocks")).json()["items"]] == [made["id"]]

    async def test_what_would_start_at_once_and_not_wait_is_423(self, ask: Any, begun: Any) -> None:
        freeze = (await ask("olu", "POST", "/freezes", json={"until": later(days=1), **WHY})).json()
        refused = await begun(on_conflict="reject")
        assert (refused.status_code, refused.json()["type"]) == (423, "/problems/frozen")
        assert (refused.json()["freeze"], refused.json()["owner"]) == (freeze["id"], "olu")
        assert (await begun(key="other")).status_code == 201

    async def test_what_waits_is_blocked(self, ask: Any, begun: Any, admitted: Any) -> None:
        await ask("olu", "POST", "/freezes", json={"until": later(days=1), **WHY})
        change = (await begun()).json()["change"]["id"]
        assert await admitted(change) is State.BLOCKED
        assert (await ask("eve", "GET", f"/rollouts/{change}")).json()["state"] == "BLOCKED"


class TestWindows:
    async def test_are_set_over_what_was_seen_and_say_when_they_open(self, ask: Any) -> None:
        wish = {"window": OFFICE, **WHY}
        made = await ask("root", "PUT", "/change-windows/office", json=wish, headers=V0)
        assert (made.status_code, made.headers["etag"]) == (200, '"v1"')
        assert made.json()["window"] == {**OFFICE, "holidays": [], "calendar": "every-day"}
        assert (await ask("root", "PUT", "/change-windows/office", json=wish, headers=V0)).status_code == 412
        read = (await ask("eve", "GET", "/change-windows/office")).json()
        assert {**read, "opens": ANY} == {**made.json(), "opens": ANY}
        for said in (made.json(), read):  # a window that is open now opens now, and each answer has its own now
            assert datetime.fromisoformat(said["opens"]).weekday() == 0
        assert [each["name"] for each in (await ask("eve", "GET", "/change-windows")).json()["items"]] == ["office"]

    async def test_that_say_nonsense_are_422(self, ask: Any) -> None:
        wish = {"window": {**OFFICE, "time_zone": "Mars/Base"}, **WHY}
        answer = await ask("root", "PUT", "/change-windows/office", json=wish, headers=V0)
        assert [each["path"] for each in answer.json()["faults"]] == ["/window/time_zone"]

    async def test_are_waited_for_by_plans_that_name_them(self, ask: Any, begun: Any, admitted: Any) -> None:
        refused = await begun(window="never")
        assert (refused.status_code, [each["path"] for each in refused.json()["faults"]]) == (422, ["/plan/window"])
        never = {"time_zone": "UTC", "hours": {"sat": [["00:00", "24:00"]]}, "calendar": "business"}
        await ask("root", "PUT", "/change-windows/never", json={"window": never, **WHY}, headers=V0)
        assert await admitted((await begun(window="never")).json()["change"]["id"]) is State.SCHEDULED


@pytest.mark.req("S70")
class TestPolicies:
    async def test_say_what_is_allowed(self, ask: Any, begun: Any) -> None:
        path = "/rollout-policies/dev/flag"
        before = await ask("eve", "GET", path)
        assert (before.json()["version"], before.headers["etag"]) == (0, '"v0"')
        wish = {"policy": {"strategies": ["canary"]}, **WHY}
        made = await ask("root", "PUT", path, json=wish, headers=V0)
        assert (made.status_code, made.json()["policy"]["strategies"]) == (200, ["canary"])
        refused = await begun()
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/strategy-not-allowed")
        assert refused.json()["allowed"] == ["canary"]
        assert (await ask("root", "PUT", path, json={"policy": {}, **WHY}, headers=V0)).status_code == 412
        assert (await ask("root", "PUT", path, json={"policy": {}, **WHY}, headers=V1)).status_code == 200
        assert (await begun()).status_code == 201

    async def test_of_settings_are_their_own(self, ask: Any) -> None:
        wish = {"policy": {"on_conflict": "fight"}, **WHY}
        answer = await ask("root", "PUT", "/rollout-policies/dev/setting", json=wish, headers=V0)
        assert [each["path"] for each in answer.json()["faults"]] == ["/policy/on_conflict"]
        assert (await ask("eve", "GET", "/rollout-policies/dev/setting-rules")).status_code == 422


@pytest.mark.req("S81")
class TestConflicts:
    async def test_who_does_not_wait_hears_who_holds_it(self, begun: Any, admitted: Any) -> None:
        holder = (await begun()).json()["change"]["id"]
        assert await admitted(holder) is State.RUNNING
        refused = await begun(on_conflict="reject")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/target-busy")
        assert refused.json()["holder"] == holder

    async def test_the_queue_has_an_end(self, begun: Any) -> None:
        for _ in range(DEPTH):
            assert (await begun()).status_code == 201
        refused = await begun()
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/queue-full")

    @pytest.mark.req("S84")
    async def test_an_operator_lets_one_that_waits_past(self, ask: Any, begun: Any, admitted: Any) -> None:
        holder, newer, third = [(await begun()).json()["change"]["id"] for _ in range(3)]
        await admitted(holder)
        early = await ask("olu", "POST", f"/rollouts/{third}/supersede", json=WHY)
        assert (early.status_code, early.json()["type"]) == (409, "/problems/nothing-to-supersede")
        assert await admitted(newer) is State.QUEUED
        key = {"Idempotency-Key": str(uuid4())}
        for _ in range(2):
            done = await ask("olu", "POST", f"/deployments/{newer}/supersede", json=WHY, headers=key)
            assert (done.status_code, done.json()) == (200, {"superseded": [holder]})

    @pytest.mark.req("S84")
    async def test_but_not_what_is_not_approved(self, ask: Any) -> None:
        wish = {"environment": "production", "key": "checkout", "definition": ON, "base_version": 0, **WHY,
                "plan": {"strategy": "direct"}}  # fmt: skip
        change = (await ask("ada", "POST", "/rollouts", json=wish)).json()["change"]["id"]
        refused = await ask("olu", "POST", f"/rollouts/{change}/supersede", json=WHY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-approved")
