"""A stream tells each event with its own cursor, and ends when it must."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from adapters.postgres.store import PostgresStore
from tests.api.watching import Watcher, streaming, told


class TestStream:
    async def test_begins_with_where_it_stands_and_tells_each_event_with_its_own_cursor(
        self, onlooker: httpx2.AsyncClient, watcher: Watcher, define: Any
    ) -> None:
        async with streaming(onlooker, environment="dev") as stream:
            assert (await anext(stream))["id"] == watcher.cursor
            await define(key="a", type="integer")
            await define(key="b", type="integer")
            first, second = await told(stream, 2)
        assert (first["event"], second["event"]) == ("SettingDefined", "SettingDefined")
        assert [json.loads(each["data"])["subject"]["key"] for each in (first, second)] == ["a", "b"]
        watcher.cursor = first["id"]
        assert [each["subject"]["key"] for each in (await watcher.look())["events"]] == ["b"]

    async def test_goes_on_from_the_last_event_id(
        self, onlooker: httpx2.AsyncClient, watcher: Watcher, define: Any
    ) -> None:
        begin = str(watcher.cursor)
        await define(key="a", type="integer")
        await watcher.events(1)
        async with streaming(onlooker, cursor=str(watcher.cursor), headers={"Last-Event-ID": begin}) as stream:
            (event,) = await told(stream, 1)
        assert json.loads(event["data"])["subject"]["key"] == "a"
        assert event["id"] == watcher.cursor

    async def test_says_that_everything_must_be_read_anew(
        self, onlooker: httpx2.AsyncClient, watcher: Watcher, define: Any, engine: Any, house: Any
    ) -> None:
        begin = str(watcher.cursor)
        await define(key="a", type="integer")
        await watcher.events(1)
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.id)})
            await connection.execute(text("UPDATE event_line SET forgotten = position"))
        async with streaming(onlooker, cursor=begin) as stream:
            (event,) = await told(stream, 1)
        assert event["event"] == "resync"
        assert json.loads(event["data"]) == {"cursor": watcher.cursor}

    async def test_frees_its_place_when_its_client_goes(
        self, onlooker: httpx2.AsyncClient, world: Any, house: Any, eventually: Callable[..., Any]
    ) -> None:
        seats = world.services.events.watching._tails._tails
        async with streaming(onlooker) as stream:
            await anext(stream)
            assert seats[house.id].watchers == 1
        await eventually(lambda: house.id not in seats)

    async def test_ends_when_its_client_may_read_no_longer(
        self, onlooker: httpx2.AsyncClient, world: Any, house: Any, define: Any, store: PostgresStore
    ) -> None:
        async with streaming(onlooker) as stream:
            await anext(stream)
            async with store.transaction(house.id) as tx:
                await tx.people.set_roles(house.eve.id, frozenset())
            await define(key="a", type="integer")
            await define(key="b", type="integer")
            assert len([block async for block in stream if "event" in block]) <= 1
        assert (await onlooker.get("/api/v1/watch")).status_code == 403

    async def test_one_too_many_is_told_to_wait(
        self, onlooker: httpx2.AsyncClient, world: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(world.services.events.watching, "_most", 1)
        async with streaming(onlooker) as stream:
            await anext(stream)
            answer = await onlooker.get("/api/v1/watch", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["type"] == "/problems/too-many-watchers"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
class TestWhoMayWatch:
    async def test_anonymous_is_401(self, address: str, accept: str) -> None:
        async with httpx2.AsyncClient(base_url=address, timeout=60) as onlooker:
            answer = await onlooker.get("/api/v1/watch", headers={"Accept": accept})
        assert answer.status_code == 401
