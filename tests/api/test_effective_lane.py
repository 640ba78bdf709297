"""The quick lane of effective reads says what the road says, and leaves to it whatever is not plain."""

import asyncio
from typing import Any

import httpx2
import pytest

from api.schemas.settings import EffectiveOut
from application.authentication import Authentication

WHY = {"reason": "because of the test"}
CASES: dict[str, dict[str, Any]] = {
    "shop.limit": {"type": "integer", "default": 10},
    "shop.wait": {"type": "duration", "default": "PT90S"},
    "shop.colours": {"type": "list", "default": ["red", "größer"]},
    "shop.nothing": {"type": "string", "nullable": True, "default": None},
    "shop.unsaid": {"type": "number"},
    "shop.token": {"type": "secret"},
}
PLACE = "environment=dev&scope=company:de"


@pytest.fixture
async def shop(define: Any, ask: Any) -> None:
    for key, more in CASES.items():
        await define(key=key, scopes=["tenant", "company"], **more)
    items = [
        {"key": "shop.limit", "scope": "company:de", "value": 20, "expires_at": "2099-01-01T00:00:00Z"},
        {"key": "shop.token", "value": "s3cr3t-words"},
    ]
    answer = await ask("ada", "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY})
    assert answer.status_code == 200, answer.text


@pytest.fixture
def road(world: Any, house: Any) -> Any:
    """The same question through the router."""

    async def asked(handle: str, path: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=world.app.road)
        headers = world.headers(house, handle)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://changegate.test", headers=headers
        ) as client:
            return await client.get(f"/api/v1{path}")

    return asked


def was_quick(answer: httpx2.Response) -> bool:
    """The road names every request."""
    return "X-Request-Id" not in answer.headers


class TestLane:
    @pytest.mark.parametrize("key", CASES)
    async def test_says_what_the_road_says(self, ask: Any, road: Any, shop: None, key: str) -> None:
        path = f"/settings/{key}/effective?{PLACE}"
        quick, slow = await ask("eve", "GET", path), await road("eve", path)
        assert was_quick(quick)
        assert not was_quick(slow)
        assert quick.json() == slow.json()
        assert quick.headers["Content-Type"] == slow.headers["Content-Type"]
        assert quick.headers["Cache-Control"] == "no-store"
        assert "s3cr3t" not in quick.text

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/settings/shop.limit/effective?environment=dev&as_of=2099-06-01T00:00:00Z", 200),
            ("/settings/shop.limit/effective", 422),
            ("/settings/shop.limit/effective?environment=mars", 422),
            ("/settings/shop.limit/effective?environment=dev&scope=nowhere", 422),
            ("/settings/shop.limit/effective?environment=dev&environment=qa", 200),
            ("/settings/shop.other/effective?environment=dev", 404),
            ("/settings/1shop/effective?environment=dev", 422),
            ("/settings/effective?environment=dev", 200),
        ],
    )
    async def test_leaves_to_the_road_what_is_not_plain(self, ask: Any, shop: None, path: str, status: int) -> None:
        answer = await ask("eve", "GET", path)
        assert answer.status_code == status
        assert not was_quick(answer)
        if status != 200:
            assert answer.headers["Content-Type"] == "application/problem+json"

    async def test_leaves_refusals_to_the_road(self, ask: Any, world: Any, house: Any, shop: None) -> None:
        path = f"/settings/shop.limit/effective?{PLACE}"
        assert (await ask(None, "GET", path)).json()["type"].endswith("token-missing")
        stranger = {"Authorization": "Bearer nonsense", "Changegate-Tenant": house.tenant.slug}
        assert (await ask(None, "GET", path, headers=stranger)).json()["type"].endswith("token-invalid")
        assert (await ask("eve", "POST", path)).status_code == 405

    async def test_nobody_is_told_of_a_tenant_that_is_not_theirs(
        self, ask: Any, world: Any, house: Any, shop: None
    ) -> None:
        path = f"/settings/shop.limit/effective?{PLACE}"
        assert (await ask("eve", "GET", path)).json()["value"] == 20
        elsewhere = {**world.headers(house, "eve"), "Changegate-Tenant": "another-house"}
        assert (await ask(None, "GET", path, headers=elsewhere)).status_code == 401

    async def test_whoever_lost_the_role_is_refused_once_the_seat_is_cold(
        self, ask: Any, world: Any, house: Any, shop: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = f"/settings/shop.limit/effective?{PLACE}"
        assert (await ask("eve", "GET", path)).status_code == 200
        taken = {"roles": [], **WHY}
        assert (await ask("root", "PUT", "/people/eve/roles", json=taken)).status_code == 200
        monkeypatch.setattr("api.callers._TRUST_SECONDS", 0.0)
        world.app.effective._callers._seats.clear()
        refused = await ask("eve", "GET", path)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("permission-missing")

    async def test_looks_up_once_who_asks_many_times_at_once(
        self, ask: Any, world: Any, shop: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[str] = []
        actor = Authentication.actor

        async def counted(authentication: Authentication, token: str, *more: Any, **named: Any) -> Any:
            looked.append(token)
            return await actor(authentication, token, *more, **named)

        monkeypatch.setattr(Authentication, "actor", counted)
        world.app.effective._callers._seats.clear()
        path = f"/settings/shop.limit/effective?{PLACE}"
        answers = await asyncio.gather(*(ask("eve", "GET", path) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(looked) == 1

    async def test_a_defect_is_told_by_the_road(self, ask: Any, shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EffectiveOut, "of", None)
        answer = await ask("eve", "GET", f"/settings/shop.limit/effective?{PLACE}")
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"

    async def test_is_counted_as_its_route(self, world: Any, ask: Any, shop: None) -> None:
        counted = 'changegate_requests_total{method="GET",route="/api/v1/settings/{key}/effective",status="200"}'
        before = counter(world, counted)
        await ask("eve", "GET", f"/settings/shop.limit/effective?{PLACE}")
        assert counter(world, counted) == before + 1


def counter(world: Any, name: str) -> float:
    lines = world.app.state.meters.exposition().decode().splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
