"""An event stream of OFREP tells its client to ask again, and what the client asks then is never older than that."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import structlog

from adapters.postgres.listener import Listener
from application.flags import Flags
from domain.environments import Environment
from domain.people import Role
from tests.api.conftest import served
from tests.api.watching import blocks

IN = (Environment.DEV, "checkout")
BULK = "/ofrep/v1/evaluate/flags"
STREAMS = "/ofrep/v1/streams/flags"
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
CONTEXT = {"context": {"targetingKey": "user-1"}}


class Shop:
    """A client of the flags of the dev environment, and of a flag that the test changes."""

    def __init__(self, world: Any, house: Any, client: httpx2.AsyncClient) -> None:
        self.world, self.house, self.client = world, house, client
        self.flags, self.version = Flags(world.services.store), 0

    async def change(self) -> None:
        definition = {**FLAG, "metadata": {"version": self.version + 1}}
        if self.version:
            await self.flags.update(self.house.ada, IN, definition, expected=self.version, reason="for the test")
        else:
            await self.flags.create(self.house.ada, IN, definition, "for the test")
        self.version += 1

    async def bulk(self, query: str = "", **headers: str) -> httpx2.Response:
        return await self.client.post(f"{BULK}{query}", json=CONTEXT, headers=headers)

    async def uri(self, **headers: str) -> str:
        (offered,) = (await self.bulk(**headers)).json()["eventStreams"]
        return str(offered["endpoint"]["requestUri"])

    async def refused(self, uri: str, **headers: str) -> httpx2.Response:
        """As a browser asks: with no token but that of the address."""
        async with httpx2.AsyncClient(base_url=self.client.base_url, timeout=60) as browser:
            return await browser.get(uri, headers=headers)


@asynccontextmanager
async def streaming(address: str, uri: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    async with (
        httpx2.AsyncClient(base_url=address, timeout=60) as browser,
        browser.stream("GET", uri, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield blocks(answer)


async def refetch(stream: AsyncIterator[dict[str, str]]) -> str:
    """The id of the next event, which is the revision that its tag names."""
    block = await anext(stream)
    while "event" not in block:
        block = await anext(stream)
    data = json.loads(block["data"])
    assert (block["event"], data) == ("message", {"type": "refetchEvaluation", "etag": f'"{block["id"]}"'})
    return block["id"]


@pytest_asyncio.fixture
async def shop(world: Any, house: Any, address: str, eventually: Callable[..., Any]) -> AsyncIterator[Shop]:
    headers = world.headers(house, "shop", **{"Changegate-Environment": "dev"})
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        shop = Shop(world, house, client)
        shelf = await world.services.flag_sets.shelf(house.id, IN[0])
        await shop.change()
        await eventually(lambda: shelf.flags.revision == 1)
        yield shop


@pytest.fixture
def elsewhere(world: Any, worlds: Any, database_url: str, issuer: Any, data_folder: Any) -> Any:
    """Another process over the same database, which hears of nothing."""
    return worlds(world.services.store, Listener(database_url), issuer, data_folder)


@pytest.mark.req("OF-02")
class TestAddress:
    async def test_stands_in_the_bulk_answer(self, shop: Shop) -> None:
        (offered,) = (await shop.bulk()).json()["eventStreams"]
        uri = offered["endpoint"].pop("requestUri")
        assert offered == {"type": "sse", "endpoint": {}, "inactivityDelaySec": 120}
        assert uri.startswith(f"{STREAMS}?since=1&token=")

    async def test_is_the_same_for_who_asks_again(self, shop: Shop) -> None:
        assert await shop.uri() == await shop.uri()
        assert await shop.uri(**{"Changegate-Instance": "page-1"}) != await shop.uri()

    async def test_is_good_at_every_process(self, shop: Shop, elsewhere: Any) -> None:
        """What one signed, another reads: they share the key and nothing else."""
        token = (await shop.uri()).rpartition("token=")[2]
        opened = await elsewhere.services.flag_streams.opened(token, None)
        assert opened.ticket.principal == shop.house.shop.id

    async def test_is_told_again_before_it_ends(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """A 304 has no streams: it would leave the client with an address that has ended."""
        first = await shop.bulk()
        asking = {"If-None-Match": first.headers["ETag"]}
        assert (await shop.bulk(**asking)).status_code == 304
        streams = shop.world.services.flag_streams
        later = streams._clock() + timedelta(minutes=1)
        monkeypatch.setattr(streams, "until", lambda _subject: later)
        assert (await shop.bulk(**asking)).status_code == 200

    @pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?token=%00&since=1", "?since=1"])
    async def test_that_is_not_good_opens_nothing(self, shop: Shop, query: str) -> None:
        answer = await shop.refused(f"{STREAMS}{query}")
        assert (answer.status_code, list(answer.json())) == (401, ["errorDetails"])

    async def test_is_asked_by_get_alone(self, shop: Shop) -> None:
        answer = await shop.client.post(STREAMS, json={})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")

    async def test_no_token_of_a_person_opens_a_stream(self, shop: Shop) -> None:
        assert (await shop.client.get(STREAMS)).status_code == 401

    @pytest.mark.req("AU-21")
    async def test_is_never_told_again(self, shop: Shop, address: str) -> None:
        uri = await shop.uri()
        token = uri.rpartition("token=")[2]
        with structlog.testing.capture_logs() as logged:
            async with streaming(address, uri) as stream:
                await shop.change()
                await refetch(stream)
            answer = await shop.refused(uri.replace("token=", "token=x"))
            metrics = (await shop.client.get("/metrics")).text
        assert token not in repr(logged) + answer.text + metrics
        assert "changegate_ofrep_streams" in metrics


@pytest.mark.req("OF-03")
class TestStream:
    async def test_tells_each_change_once_it_is_served(self, shop: Shop, address: str) -> None:
        async with streaming(address, await shop.uri()) as stream:
            first = await anext(stream)
            assert (first["id"], 500 <= int(first["retry"]) < 2000) == ("1", True)
            for revision in ("2", "3"):
                await shop.change()
                assert await refetch(stream) == revision

    async def test_tells_what_came_between_the_answer_and_the_stream(self, shop: Shop, address: str) -> None:
        uri = await shop.uri()
        await shop.change()
        async with streaming(address, uri) as stream:
            assert await refetch(stream) == "2"

    async def test_tells_once_what_was_missed(
        self, shop: Shop, address: str, eventually: Callable[..., Any], unbelieved: None
    ) -> None:
        uri, shelf = await shop.uri(), await shop.world.services.flag_sets.shelf(shop.house.id, IN[0])
        for _ in range(3):
            await shop.change()
        await eventually(lambda: shelf.flags.revision == 4)
        async with streaming(address, uri, **{"Last-Event-ID": "2"}) as stream:
            assert await refetch(stream) == "4"
            assert (await anext(stream)).keys() == {""}

    @pytest.mark.parametrize("unknown", ["nonsense", "999", "-1"])
    async def test_that_cannot_tell_what_was_missed_says_so(self, shop: Shop, address: str, unknown: str) -> None:
        async with streaming(address, await shop.uri(), **{"Last-Event-ID": unknown}) as stream:
            assert await refetch(stream) == "1"

    async def test_ends_for_who_may_evaluate_no_longer(self, shop: Shop, address: str, unbelieved: None) -> None:
        uri = await shop.uri()
        async with streaming(address, uri) as stream:
            await anext(stream)
            async with shop.world.services.store.transaction(shop.house.id) as tx:
                await tx.people.set_roles(shop.house.shop.id, frozenset())
            assert all("event" not in block for block in [block async for block in stream])
        assert (await shop.refused(uri)).status_code == 403
        async with shop.world.services.store.transaction(shop.house.id) as tx:
            await tx.people.set_roles(shop.house.shop.id, frozenset({Role.VIEWER}))
        async with streaming(address, uri) as stream:
            await anext(stream)

    async def test_ends_with_its_address(self, shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        uri = await shop.uri()
        monkeypatch.setattr(shop.world.services.flag_streams, "left", lambda _stream: 0.2)
        async with streaming(address, uri) as stream:
            assert [block async for block in stream]

    async def test_ends_when_the_server_stops(self, shop: Shop) -> None:
        uri = await shop.uri()
        async with served(shop.world.app) as address:
            opened = streaming(address, uri)
            stream = await opened.__aenter__()
            await anext(stream)
        assert [block async for block in stream] == []
        await opened.__aexit__(None, None, None)

    async def test_one_too_many_in_one_name_is_told_to_wait(
        self, shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Any]
    ) -> None:
        streams, uri = shop.world.services.flag_streams, await shop.uri()
        monkeypatch.setattr(streams, "_most", 1)
        async with streaming(address, uri) as stream:
            await anext(stream)
            answer = await shop.refused(uri)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        await eventually(lambda: not streams._open[shop.house.shop.id])
        async with streaming(address, uri) as stream:
            await anext(stream)

    async def test_keeps_who_named_itself_among_the_live(self, shop: Shop, address: str, ask: Any) -> None:
        async with streaming(
            address, f"{await shop.uri()}&instance=page-1", **{"Changegate-Holds": "flags=1"}
        ) as stream:
            await anext(stream)
            await shop.change()
            await refetch(stream)
        await shop.world.services.sightings.flush()
        seen = (await ask("eve", "GET", "/targets/dev/flag/checkout/instances")).json()["items"]
        assert [each["name"] for each in seen] == ["page-1"]


@pytest.mark.req("OF-04")
class TestRefetch:
    """At a process that hears of nothing: what it serves is what it was asked to look for."""

    @pytest_asyncio.fixture
    async def deaf(self, shop: Shop, elsewhere: Any) -> AsyncIterator[httpx2.AsyncClient]:
        async with elsewhere.client(shop.house, "shop") as client:
            client.headers["Changegate-Environment"] = "dev"
            await client.post(BULK, json=CONTEXT)
            yield client

    async def test_is_never_of_before_what_it_names(self, shop: Shop, deaf: httpx2.AsyncClient) -> None:
        await shop.change()

        async def version(query: str = "") -> Any:
            return (await deaf.post(f"{BULK}{query}", json=CONTEXT)).json()["flags"][0]["metadata"]["version"]

        assert await version() == 1
        assert await version("?flagConfigEtag=%221%22") == 1
        assert await version("?flagConfigEtag=%222%22") == 2
        await shop.change()
        assert await version("?flagConfigLastModified=1771622898") == 3

    @pytest.mark.parametrize("named", ["nonsense", "%2299%22", "W/%221-ab%22", "", "%22-1%22"])
    async def test_that_names_what_never_was_is_answered_all_the_same(self, shop: Shop, named: str) -> None:
        assert (await shop.bulk(f"?flagConfigEtag={named}")).status_code == 200

    async def test_that_nobody_can_look_up_is_answered_with_nothing_older(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.bulk()
        monkeypatch.setattr("application.evaluation._PATIENCE_SECONDS", 0.0)
        answer = await shop.bulk("?flagConfigEtag=%222%22")
        assert (answer.status_code, list(answer.json()), "Retry-After" in answer.headers) == (
            503,
            ["errorDetails"],
            True,
        )
