"""Breakers over HTTP: everybody who reads commands sees them, and operators open and close their tenant's."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain.commands import CommandType
from domain.commands.limits import LimitScope
from domain.commands.policies import TypePolicy
from tests.conftest import housed

Ask = Any
WHY = "The CRM is being moved tonight."


@pytest.fixture
async def crm(world: Any) -> str:
    """What a type of its own depends on."""
    name = f"d{uuid4().hex[:12]}"
    own = TypePolicy(depends_on=name).to_json()
    shared = TypePolicy(depends_on=name, limit_scope="everywhere").to_json()
    types = [CommandType(f"{name}.tell", 1, {}, own), CommandType(f"{name}.ask", 1, {}, shared)]
    await world.services.store.put_command_types(types)
    return name


async def listed(ask: Ask, name: str, who: str = "aud") -> list[dict[str, Any]]:
    answer = await ask(who, "GET", "/command-breakers")
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["items"] if each["dependency"] == name]


async def act(ask: Ask, name: str, what: str, seen: int, who: str = "olu", **wish: Any) -> Any:
    body = {"operation_id": str(uuid4()), "reason": WHY, **wish}
    return await ask(who, "POST", f"/command-breakers/{name}/{what}", json=body, headers={"If-Match": f'"v{seen}"'})


class TestLooking:
    @pytest.mark.req("CB-38")
    async def test_shows_what_handlers_depend_on(self, ask: Ask, crm: str, world: Any, store: Any) -> None:
        shared, own = await listed(ask, crm)
        assert (shared["scope"], shared["state"], shared["types"]) == ("everywhere", "closed", [f"{crm}.ask"])
        assert (own["scope"], own["version"], own["types"]) == ("tenant", 0, [f"{crm}.ask", f"{crm}.tell"])
        one = await ask("aud", "GET", f"/command-breakers/{crm}")
        assert (one.json(), one.headers["ETag"]) == (own, '"v0"')
        assert (await ask("aud", "GET", "/command-breakers/nothing-depends-on-it")).status_code == 404
        assert (await act(ask, "nothing-depends-on-it", "open", 0)).status_code == 404


class TestReceivers:
    @pytest.mark.req("CB-38", "CB-58")
    async def test_are_held_and_let_go_one_by_one(self, ask: Ask, world: Any) -> None:
        """One that answers is not listed, and is found by its name."""
        name = f"d{uuid4().hex[:12]}"
        types = [CommandType(f"{name}.tell", 1, {}, TypePolicy(depends_on=name, apart="/to").to_json())]
        await world.services.store.put_command_types(types)
        sent = await ask(
            "ada", "POST", "/commands", json={"type": f"{name}.tell", "id": "1", "payload": {"to": "acme"}}
        )
        assert sent.json()["command"]["dependency"] == f"{name}:acme"
        assert (await ask("aud", "GET", f"/commands/{name}/1")).json()["dependency"] == f"{name}:acme"
        assert await self.listed(ask, name) == {name: "closed"}

        held = await act(ask, f"{name}:acme", "open", 0)
        assert (held.status_code, held.json()["dependency"], held.json()["state"]) == (200, f"{name}:acme", "open")
        assert await self.listed(ask, name) == {name: "closed", f"{name}:acme": "open"}
        one, other = [(await ask("aud", "GET", f"/command-breakers/{name}:{to}")).json() for to in ("acme", "other")]
        assert (one["state"], one["reason"], one["types"]) == ("open", WHY, [f"{name}.tell"])
        assert (other["state"], other["version"]) == ("closed", 0)

        assert (await act(ask, f"{name}:acme", "close", 1)).json()["state"] == "closed"
        assert await self.listed(ask, name) == {name: "closed"}

    async def listed(self, ask: Ask, name: str) -> dict[str, str]:
        items = (await ask("aud", "GET", "/command-breakers")).json()["items"]
        return {each["dependency"]: each["state"] for each in items if each["dependency"].startswith(name)}

    async def test_are_none_where_no_type_tells_them_apart(self, ask: Ask, crm: str) -> None:
        assert (await ask("aud", "GET", f"/command-breakers/{crm}:acme")).status_code == 404
        assert (await act(ask, f"{crm}:acme", "open", 0)).status_code == 404


class TestActing:
    @pytest.mark.req("CB-38", "CB-42")
    async def test_opens_and_closes_with_a_reason_and_tells_it(
        self, ask: Ask, crm: str, world: Any, store: Any
    ) -> None:
        mine = str(uuid4())
        opened = await act(ask, crm, "open", 0, operation_id=mine)
        assert (opened.status_code, opened.headers["ETag"], opened.json()["state"]) == (200, '"v1"', "open")
        again = await act(ask, crm, "open", 0, operation_id=mine)
        assert again.json() == opened.json()
        other = await act(ask, crm, "close", 1, operation_id=mine)
        assert (other.status_code, other.json()["type"]) == (409, "/problems/operation-conflict")
        stands = (await ask("aud", "GET", f"/command-breakers/{crm}")).json()
        assert (stands["state"], stands["until"], stands["reason"]) == ("open", None, WHY)
        assert stands["opened_by"] == opened.json()["actor"]

        neighbour = await housed(store)
        async with world.client(neighbour, "root") as client:
            theirs = (await client.get(f"/api/v1/command-breakers/{crm}")).json()
        assert theirs["state"] == "closed"

        closed = await act(ask, crm, "close", 1)
        assert (closed.json()["state"], closed.json()["version"]) == ("closed", 2)
        trail = await ask("aud", "GET", f"/audit-logs?resource_type=command-breaker&resource={crm}")
        events = trail.json()["items"]
        assert [each["action"] for each in events] == ["command:breaker:closed", "command:breaker:opened"]
        assert {each["reason"] for each in events} == {WHY}
        assert {each["actor"] for each in events} == {opened.json()["actor"]}

    @pytest.mark.req("CB-38")
    async def test_is_for_those_who_may_over_what_they_saw(self, ask: Ask, crm: str) -> None:
        assert (await act(ask, crm, "open", 0, who="ada")).status_code == 403
        short = await act(ask, crm, "open", 0, reason="because")
        assert (short.status_code, [each["path"] for each in short.json()["faults"]]) == (422, ["/reason"])
        assert (await act(ask, crm, "open", 3)).status_code == 412
        wrong = await act(ask, crm, "close", 0)
        assert (wrong.status_code, wrong.json()["type"]) == (409, "/problems/wrong-breaker-state")
        body = {"operation_id": str(uuid4()), "reason": WHY}
        assert (await ask("olu", "POST", f"/command-breakers/{crm}/open", json=body)).status_code == 428
        assert (await listed(ask, crm))[1]["version"] == 0

    @pytest.mark.req("CB-41")
    async def test_of_two_at_once_is_one(self, ask: Ask, crm: str, store: Any, house: Any) -> None:
        answers = await asyncio.gather(*(act(ask, crm, "open", 0) for _ in range(4)))
        assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]
        async with store.transaction(house.id) as tx:
            (found,) = await tx.commands.breakers.some([crm])
        assert (found.scope, found.version) == (LimitScope.TENANT, 1)
