"""Who evaluates by itself waits for the next revision of its flags, and is told it as soon as it is served."""

import asyncio
from typing import Any

import pytest

from tests.api.flagging import CHECKOUT, Protocol, haste, served  # noqa: F401 -- fixtures are found by their names

ON = {**CHECKOUT, "defaultVariant": "on"}


@pytest.fixture
def read(protocol: Protocol) -> Any:
    async def asked(tag: str = "", *, wait: int = 0, **headers: str) -> Any:
        given = {
            "Authorization": f"Bearer {protocol.token()}", "Changegate-Tenant": protocol.house.tenant.slug,
            "Changegate-Environment": "dev", **headers,
        }  # fmt: skip
        if tag:
            given["If-None-Match"] = tag
        async with protocol.world.client(protocol.house) as client:
            return await client.get(f"/flagd/v1/flags.json?wait={wait}", headers=given)

    return asked


@pytest.mark.req("OF-03")
class TestFollowing:
    async def test_who_waits_is_answered_with_the_change(
        self, protocol: Protocol, read: Any, ask: Any, eventually: Any
    ) -> None:
        first = await read()
        revision = first.json()["metadata"]["version"]
        assert (first.status_code, first.json()["flags"]) == (200, {"checkout": CHECKOUT})
        unchanged = await read(first.headers["etag"])
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        waiting = asyncio.create_task(read(first.headers["etag"], wait=30, **{"Changegate-Instance": "shop-1"}))

        async def seen() -> Any:
            await protocol.world.services.sightings.flush()
            return (await ask("eve", "GET", "/instances?environment=dev")).json()["items"]

        (instance,) = await eventually(seen)
        assert (instance["name"], instance["flags"]) == ("shop-1", revision)
        assert not waiting.done()
        await protocol.put(ON)
        answer = await waiting
        assert (answer.status_code, answer.json()["flags"]) == (200, {"checkout": ON})
        assert answer.json()["metadata"]["version"] > revision

    @pytest.mark.usefixtures("hasty")
    async def test_who_waits_is_asked_again_for_a_good_token(
        self, protocol: Protocol, read: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.flagd.following._CHECK_SECONDS", 0.1)
        tag = (await read()).headers["etag"]
        waiting = asyncio.create_task(read(tag, wait=30))
        await protocol.revoke()
        assert (await waiting).json()["type"] == "/problems/permission-missing"

    async def test_what_is_asked_otherwise_is_told_so(self, protocol: Protocol, read: Any) -> None:
        assert (await read(wait=31)).status_code == 422
        assert (await read(**{"Changegate-Environment": "moon"})).status_code == 404
        assert (await read(Authorization="")).json()["type"] == "/problems/token-missing"
