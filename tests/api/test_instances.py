"""Instances are seen by what they ask, and who may read a target sees which version they hold."""

from typing import Any

import httpx2
import pytest

from tests.api.watching import streaming

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
HERE = "/targets/dev/flag/checkout"
POLL: dict[str, Any] = {"environment": "dev", "wait": 0}


@pytest.fixture
async def checkout(ask: Any) -> None:
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201


@pytest.fixture
def seen(ask: Any, world: Any) -> Any:
    """Who is live of a target, once everything that was said is written down."""

    async def looked(path: str = HERE, **query: Any) -> dict[str, Any]:
        await world.services.sightings.flush()
        answer = await ask("eve", "GET", f"{path}/instances", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return looked


def named(name: str, holds: str | None = None) -> dict[str, str]:
    return {"Changegate-Instance": name, **({"Changegate-Holds": holds} if holds is not None else {})}


async def acknowledge(ask: Any, *instances: dict[str, Any]) -> Any:
    wish = {"environment": "dev", "instances": list(instances)}
    return await ask("shop", "POST", "/instances/acknowledgements", json=wish)


class TestSaying:
    async def test_whoever_evaluates_holds_what_it_was_answered(self, ask: Any, seen: Any, checkout: None) -> None:
        for path in ("/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/checkout"):
            headers = {**named(f"shop{path.count('/')}"), "Changegate-Environment": "dev"}
            assert (await ask("shop", "POST", path, json={}, headers=headers)).status_code == 200
        found = await seen()
        assert [(each["name"], each["flags"]) for each in found["items"]] == [("shop4", 1), ("shop5", 1)]

    async def test_whoever_caches_says_what_it_holds(self, ask: Any, seen: Any, checkout: None) -> None:
        headers = {**named("shop-1", "flags=0,settings=4"), "Changegate-Environment": "dev"}
        await ask("shop", "POST", "/ofrep/v1/evaluate/flags", json={}, headers=headers)
        (instance,) = (await seen())["items"]
        assert (instance["flags"], instance["settings"]) == (0, 4)

    async def test_whoever_reads_a_setting_holds_its_epoch(self, ask: Any, define: Any, seen: Any) -> None:
        await define(key="a.limit", type="integer", default=5)
        await ask("shop", "GET", "/settings/a.limit/effective?environment=dev", headers=named("shop-1"))
        (instance,) = (await seen("/targets/dev/setting/a.limit"))["items"]
        assert (instance["name"], instance["flags"], instance["version"]) == ("shop-1", None, None)

    async def test_whoever_watches_says_it_with_each_poll(self, ask: Any, seen: Any, checkout: None) -> None:
        await ask("shop", "GET", "/watch", params=POLL, headers=named("shop-1", "flags=0"))
        assert (await seen())["items"][0]["flags"] == 0
        await ask("shop", "GET", "/watch", params=POLL, headers=named("shop-1", "flags=1"))
        assert (await seen())["items"][0]["flags"] == 1

    async def test_whoever_streams_says_it_at_the_beginning(
        self, onlooker: httpx2.AsyncClient, seen: Any, checkout: None
    ) -> None:
        async with streaming(onlooker, environment="dev", headers=named("shop-1", "flags=1")) as stream:
            await anext(stream)
        assert [each["name"] for each in (await seen())["items"]] == ["shop-1"]

    async def test_others_are_spoken_for(self, ask: Any, seen: Any, checkout: None) -> None:
        answer = await acknowledge(ask, {"name": "a", "flags": 1}, {"name": "b", "settings": 7})
        assert (answer.status_code, answer.json()) == (200, {"taken": 2})
        assert [each["name"] for each in (await seen())["items"]] == ["a"]

    @pytest.mark.parametrize(
        "headers", [named("no name"), named("x" * 101), named("ä"), {"Changegate-Holds": "flags=1"}]
    )
    async def test_nobody_is_refused_an_answer_for_an_odd_name(
        self, ask: Any, seen: Any, checkout: None, headers: dict[str, str]
    ) -> None:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        assert (await ask("shop", "GET", "/watch", params=POLL, headers=raw)).status_code == 200
        assert (await seen())["live"] == 0

    @pytest.mark.parametrize("instance", [{"name": "no name"}, {"name": "a", "flags": -1}, {"name": "a", "other": 1}])
    async def test_an_acknowledgement_that_is_none_is_422(self, ask: Any, instance: dict[str, Any]) -> None:
        assert (await acknowledge(ask, instance)).status_code == 422


@pytest.mark.req("S60")
class TestHolding:
    async def test_old_and_new_sum_to_those_that_are_live(
        self, ask: Any, seen: Any, checkout: None, world: Any, house: Any
    ) -> None:
        changed = {"definition": {**FLAG, "defaultVariant": "on"}, **WHY}
        await ask("ada", "PUT", "/flags/checkout?environment=dev", json=changed, headers={"If-Match": '"v1"'})
        await world.services.events.publisher.publish(house.id)
        await acknowledge(ask, *({"name": f"old-{n}", "flags": 1} for n in range(3)))
        await acknowledge(ask, *({"name": f"new-{n}", "flags": 2} for n in range(2)))
        found = await seen()
        assert found["live"] == 5
        assert sum(each["instances"] for each in found["versions"]) == 5
        assert {each["version"]: each["instances"] for each in found["versions"]}[2] == 2
        assert {each["name"]: each["version"] for each in found["items"]}["new-0"] == 2

    async def test_pages_are_by_name(self, ask: Any, seen: Any, checkout: None) -> None:
        await acknowledge(ask, *({"name": f"i{n}", "flags": 1} for n in range(5)))
        first = await seen(limit=2)
        second = await seen(limit=2, cursor=first["next_cursor"])
        assert [each["name"] for page in (first, second) for each in page["items"]] == ["i0", "i1", "i2", "i3"]
        assert (first["live"], second["live"]) == (5, 5)


class TestTarget:
    async def test_says_what_is_live(self, ask: Any, checkout: None) -> None:
        answer = (await ask("eve", "GET", f"{HERE}/live")).json()
        assert answer == {"version": 1, "revision": 1, "deployment": None, "state": None}

    async def test_a_deployment_in_hand_is_named(self, ask: Any) -> None:
        wish = {"environment": "production", "key": "fresh", "definition": FLAG, "base_version": 0,
                "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
        begun = (await ask("ada", "POST", "/deployments", json=wish)).json()
        path = "/targets/production/flag/fresh"
        page = (await ask("eve", "GET", f"{path}/history")).json()
        assert [each["deployment"] for each in page["items"]] == [begun["rollout"]["id"]]
        assert (await ask("eve", "GET", f"{path}/stable")).status_code == 404

    async def test_what_is_not_there_is_404(self, ask: Any) -> None:
        for path in ("/targets/dev/flag/none", "/targets/dev/setting/none"):
            for what in ("live", "instances"):
                answer = await ask("eve", "GET", f"{path}/{what}")
                assert (answer.status_code, answer.json()["type"]) == (404, "/problems/missing")
