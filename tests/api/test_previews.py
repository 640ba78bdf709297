"""Whoever holds the token of a blue-green deployment sees what it has prepared; everybody else sees what is served."""

from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest

from application.admission import Admitting
from application.progression import Step
from domain.rollouts import State

FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
EVALUATE = "/ofrep/v1/evaluate/flags"


def who(tier: str) -> dict[str, Any]:
    return {"vips": {"==": [{"var": "tier"}, tier]}}


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


async def variant(
    world: Any, house: Any, key: str = "/checkout", *, headers: dict[str, str] | None = None, **context: str
) -> Any:
    async with world.client(house, "shop") as client:
        asked = {"Changegate-Environment": "dev", **(headers or {})}
        wish = {"context": {"targetingKey": "u", **context}}
        answer = await client.post(f"{EVALUATE}{key}", json=wish, headers=asked)
    return answer.json().get("variant") or answer.json().get("flags") or answer.status_code


@pytest.mark.req("S62")
async def test_token_shows_it_and_nothing_else_does(ask: Any, world: Any, house: Any, prepared: Any) -> None:
    change = await prepared()
    issued = await ask("eve", "POST", f"/rollouts/{change}/preview-tokens")
    assert issued.status_code == 201, issued.text
    token = {"Changegate-Preview": issued.json()["token"]}
    assert await variant(world, house) == "off"
    assert await variant(world, house, headers=token) == "on"
    assert [each["variant"] for each in await variant(world, house, "", headers=token)] == ["on"]
    assert await variant(world, house) == "off"


async def test_forged_one_shows_nothing(world: Any, house: Any, prepared: Any) -> None:
    await prepared()
    assert await variant(world, house, headers={"Changegate-Preview": "forged"}) == 403


async def test_there_is_none_where_nothing_is_prepared(ask: Any) -> None:
    wish: dict[str, Any] = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
    wish |= {"definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1, "plan": {"strategy": "direct"}}
    begun = await ask("ada", "POST", "/rollouts", json=wish)
    refused = await ask("eve", "POST", f"/rollouts/{begun.json()['change']['id']}/preview-tokens")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "not-running")


class TestSharedRules:
    """What a flag says changes with the rules that it names, whoever wrote them."""

    NAMING: ClassVar = {**FLAG, "targeting": {"if": [{"$ref": "vips"}, "on", "off"]}}

    @pytest.fixture
    async def token(self, ask: Any, world: Any, house: Any) -> dict[str, str]:
        """Of a switch from `vip` to `gold`, under a flag that names the rule and one that does not."""
        await ask("ada", "PUT", "/evaluators?environment=dev", json={"evaluators": who("vip"), **WHY},
                  headers={"If-Match": '"v0"'})  # fmt: skip
        for key, definition in (("checkout", self.NAMING), ("plain", FLAG)):
            wish: dict[str, Any] = {"environment": "dev", "key": key, "definition": definition, **WHY}
            assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
        green = {"strategy": "blue-green", "blue_green": {"smoke": ["https://smoke.example.com/"]}}
        wish = {"environment": "dev", "key": "$evaluators", "definition": who("gold"), "base_version": 1, **WHY}
        begun = await ask("ada", "POST", "/rollouts", json={**wish, "plan": green})
        assert begun.status_code == 201, begun.text
        change = str(begun.json()["change"]["id"])
        step = Step(UUID(change), house.id, str(uuid4()), world.services.clock())
        assert (await Admitting(world.services.store).admit(step)).state is State.RUNNING
        issued = await ask("eve", "POST", f"/rollouts/{change}/preview-tokens")
        return {"Changegate-Preview": issued.json()["token"]}

    @pytest.mark.req("S62")
    @pytest.mark.parametrize(("tier", "served", "previewed"), [("vip", "on", "off"), ("gold", "off", "on")])
    async def test_token_shows_every_flag_under_them(
        self, world: Any, house: Any, token: dict[str, str], tier: str, served: str, previewed: str
    ) -> None:
        assert await variant(world, house, tier=tier) == served
        for _ in range(2):
            assert await variant(world, house, tier=tier, headers=token) == previewed
        assert await variant(world, house, "/plain", tier=tier, headers=token) == "off"
        both = await variant(world, house, "", tier=tier, headers=token)
        assert {each["key"]: each["variant"] for each in both} == {"checkout": previewed, "plain": "off"}
        assert await variant(world, house, tier=tier) == served

    async def test_elsewhere_it_shows_what_is_served(self, ask: Any, world: Any, house: Any, token: Any) -> None:
        nobody = {"policy": {"levels": []}, **WHY}
        await ask("root", "PUT", "/policies/staging", json=nobody, headers={"If-Match": '"v0"'})
        wish = {"environment": "staging", "key": "checkout", "definition": FLAG, **WHY}
        assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
        there = {"Changegate-Environment": "staging", **token}
        assert await variant(world, house, tier="gold", headers=there) == "off"


class TestSettings:
    LIMIT = "/settings/upload.limit/effective?environment=dev"

    @pytest.fixture
    async def token(self, ask: Any, define: Any, world: Any, house: Any) -> dict[str, str]:
        """Of a switch from nothing to 20, with a flag beside it."""
        await define(key="upload.limit", type="integer", default=10, scopes=["tenant"])
        wish: dict[str, Any] = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
        targets = [
            {"kind": "flag", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1},
            {"kind": "setting", "key": "upload.limit", "value": 20, "base_version": 0},
        ]
        green = {"strategy": "blue-green", "blue_green": {"smoke": ["https://smoke.example.com/"]}}
        begun = await ask("root", "POST", "/rollouts",
                          json={"environment": "dev", "targets": targets, "plan": green, **WHY})  # fmt: skip
        assert begun.status_code == 201, begun.text
        change = str(begun.json()["change"]["id"])
        step = Step(UUID(change), house.id, str(uuid4()), world.services.clock())
        assert (await Admitting(world.services.store).admit(step)).state is State.RUNNING
        issued = await ask("eve", "POST", f"/rollouts/{change}/preview-tokens")
        return {"Changegate-Preview": issued.json()["token"]}

    @pytest.mark.req("S62")
    async def test_token_shows_it_and_nothing_else_does(self, ask: Any, token: dict[str, str]) -> None:
        assert (await ask("eve", "GET", self.LIMIT)).json()["value"] == 10
        seen = await ask("eve", "GET", self.LIMIT, headers=token)
        assert (seen.status_code, seen.json()["value"], seen.headers["Cache-Control"]) == (200, 20, "no-store")
        page = await ask("eve", "GET", "/settings/effective?environment=dev", headers=token)
        assert [(each["key"], each["value"]) for each in page.json()["items"]] == [("upload.limit", 20)]
        assert (await ask("eve", "GET", self.LIMIT)).json()["value"] == 10
        assert (await ask("eve", "GET", "/settings/upload.limit?environment=dev")).json()["version"] == 0

    async def test_elsewhere_it_shows_what_is_served(self, ask: Any, token: dict[str, str]) -> None:
        staging = await ask("eve", "GET", self.LIMIT.replace("dev", "staging"), headers=token)
        assert staging.json()["value"] == 10

    async def test_forged_one_shows_nothing(self, ask: Any, token: dict[str, str]) -> None:
        del token
        refused = await ask("eve", "GET", self.LIMIT, headers={"Changegate-Preview": "forged"})
        assert refused.status_code == 403

    async def test_it_is_of_now(self, ask: Any, token: dict[str, str]) -> None:
        refused = await ask("eve", "GET", f"{self.LIMIT}&as_of=2126-01-01T00:00:00Z", headers=token)
        assert refused.status_code == 422
