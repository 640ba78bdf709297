"""Whoever holds the token of a blue-green deployment sees what it has prepared; everybody else sees what is served."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from application.admission import Admitting
from application.progression import Step
from domain.rollouts import State

FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
EVALUATE = "/ofrep/v1/evaluate/flags"


@pytest.fixture
def prepared(ask: Any, world: Any, house: Any) -> Any:
    """A blue-green deployment that is admitted and not switched to."""

    async def prepare() -> str:
        wish: dict[str, Any] = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
        green = {"strategy": "blue-green", "blue_green": {"smoke": ["https://smoke.example.com/"]}}
        wish |= {"definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1, "plan": green}
        begun = await ask("ada", "POST", "/rollouts", json=wish)
        assert begun.status_code == 201, begun.text
        change = str(begun.json()["change"]["id"])
        step = Step(UUID(change), house.id, str(uuid4()), world.services.clock())
        assert (await Admitting(world.services.store).admit(step)).state is State.RUNNING
        return change

    return prepare


async def variant(world: Any, house: Any, key: str = "/checkout", **headers: str) -> Any:
    async with world.client(house, "shop") as client:
        asked = {"Changegate-Environment": "dev", **headers}
        answer = await client.post(f"{EVALUATE}{key}", json={"context": {"targetingKey": "u"}}, headers=asked)
    return answer.json().get("variant") or answer.json().get("flags") or answer.status_code


@pytest.mark.req("S62")
async def test_token_shows_it_and_nothing_else_does(ask: Any, world: Any, house: Any, prepared: Any) -> None:
    change = await prepared()
    issued = await ask("eve", "POST", f"/rollouts/{change}/preview-tokens")
    assert issued.status_code == 201, issued.text
    token = {"Changegate-Preview": issued.json()["token"]}
    assert await variant(world, house) == "off"
    assert await variant(world, house, **token) == "on"
    assert [each["variant"] for each in await variant(world, house, "", **token)] == ["on"]
    assert await variant(world, house) == "off"


async def test_forged_one_shows_nothing(world: Any, house: Any, prepared: Any) -> None:
    await prepared()
    assert await variant(world, house, **{"Changegate-Preview": "forged"}) == 403


async def test_there_is_none_where_nothing_is_prepared(ask: Any) -> None:
    wish: dict[str, Any] = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
    wish |= {"definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1, "plan": {"strategy": "direct"}}
    begun = await ask("ada", "POST", "/rollouts", json=wish)
    refused = await ask("eve", "POST", f"/rollouts/{begun.json()['change']['id']}/preview-tokens")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "not-running")
