"""flagd's HTTP source: one document, which is sent again only when it has changed."""

import asyncio
from typing import Any

import pytest

from tests.api.flagging import CHECKOUT, Protocol, haste, served  # noqa: F401 -- fixtures are found by their names

ON = {**CHECKOUT, "defaultVariant": "on"}


@pytest.fixture
def read(protocol: Protocol) -> Any:
    """As flagd asks, which can send no header but Authorization, and a tag."""

    async def asked(handle: str | None = "shop", path: str = "", **headers: str) -> Any:
        if handle is not None:
            headers["Authorization"] = f"Bearer {protocol.token(handle)}"
        place = path or f"/flagd/v1/{protocol.house.tenant.slug}/dev/flags.json"
        async with protocol.world.client(protocol.house) as client:
            return await client.get(place, headers=headers)

    return asked


@pytest.mark.req("FR-SM-041", "FD-05")
class TestSource:
    async def test_what_has_not_changed_is_not_sent_again(self, protocol: Protocol, read: Any, eventually: Any) -> None:
        first = await read()
        assert (first.status_code, first.headers["content-type"]) == (200, "application/json")
        assert first.json()["flags"] == {"checkout": CHECKOUT}
        assert first.json()["metadata"]["flagSetId"] == f"{protocol.house.tenant.slug}/dev"
        tag = first.headers["etag"]
        assert tag.startswith('"')
        again = await read(**{"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        await protocol.put(ON)

        async def changed() -> Any:
            answer = await read(**{"If-None-Match": tag})
            return answer if answer.status_code == 200 else None

        answer = await eventually(changed)
        assert answer.json()["flags"] == {"checkout": ON}
        assert answer.headers["etag"] != tag

    async def test_who_names_itself_is_an_instance(self, protocol: Protocol, read: Any, ask: Any) -> None:
        revision = (await read(**{"Changegate-Instance": "edge-1"})).json()["metadata"]["version"]
        await protocol.world.services.sightings.flush()
        (found,) = (await ask("eve", "GET", "/instances?environment=dev")).json()["items"]
        assert (found["name"], found["flags"]) == ("edge-1", revision)

    async def test_who_may_not_is_told_why(self, protocol: Protocol, read: Any) -> None:
        slug = protocol.house.tenant.slug
        assert (await read(None)).json()["type"] == "/problems/token-missing"
        assert (await read(None, **{"X-API-Key": protocol.token()})).status_code == 200
        for path, status in (
            (f"/flagd/v1/{slug}/moon/flags.json", 404),
            (f"/flagd/v1/{slug}/dev", 404),
            (f"/flagd/v1/{slug}%0A/dev/flags.json", 422),
            ("/flagd/v1/nobody-of-the-test/dev/flags.json", 401),
        ):
            answer = await read(path=path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")

    @pytest.mark.usefixtures("hasty")
    async def test_a_token_that_is_revoked_reads_no_more(self, protocol: Protocol, read: Any, eventually: Any) -> None:
        assert {(await each).status_code for each in [read(), read("eve")]} == {200}
        await protocol.revoke()

        async def refused() -> bool:
            return bool((await read()).status_code == 403)

        await eventually(refused)
        assert (await asyncio.gather(read("eve")))[0].status_code == 200

    @pytest.mark.req("FP1")
    async def test_it_is_plain_whatever_was_written(self, protocol: Protocol, read: Any, eventually: Any) -> None:
        needing = {"off": "off", "prerequisites": [{"flag": "checkout", "variants": ["off"]}], "serve": "on"}
        authored = {"state": "ENABLED", "variants": CHECKOUT["variants"], "authoring": needing}
        revision = await protocol.put(authored, "next")

        async def newest() -> Any:
            document = (await read()).json()
            return document if document["metadata"]["version"] >= revision else None

        flags = (await eventually(newest))["flags"]
        assert flags["checkout"] == CHECKOUT
        assert flags["next"] == {
            "state": "ENABLED", "variants": CHECKOUT["variants"], "defaultVariant": "on",
            "targeting": {"if": [{"!": [True]}, "off"]}, "metadata": {"off": "off"},
        }  # fmt: skip
