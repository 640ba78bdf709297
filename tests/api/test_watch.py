"""Whoever watches hears of every change, by long poll or stream, over a real server."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import text

from adapters.postgres.store import PostgresStore
from api.corked import Protocol
from application.events import tails
from application.events.watching import Scene, Watching
from domain.events import EventType
from domain.people import Actor
from tests.api.watching import WHY, Watcher

SECRET = "hunter2-hunter2"


@pytest.mark.req("FR-SM-001")
class TestLongPoll:
    async def test_wakes_with_the_event_of_a_definition_and_of_a_value(
        self, watcher: Watcher, ask: Any, define: Any, house: Any
    ) -> None:
        waiting = asyncio.create_task(watcher.events(2))
        await asyncio.sleep(0.1)
        await define(key="limit", type="integer", default=1)
        written = await ask("ada", "PUT", "/settings/limit", params={"environment": "dev"}, json={"value": 7, **WHY},
                            headers={"If-Match": '"v0"'})  # fmt: skip
        assert written.status_code == 200, written.text
        defined, changed = await waiting
        assert (defined["type"], defined["environment"]) == ("SettingDefined", None)
        assert changed["type"] == "SettingChanged"
        assert changed["environment"] == "dev"
        assert changed["subject"] == {"key": "limit", "scope": "", "version": 1}
        assert changed["actor"] == str(house.ada.id)
        assert changed["tenant"] == str(house.id)
        assert changed["epoch"] == written.json()["epoch"]
        assert "7" not in json.dumps([changed["subject"], changed["type"]])

    async def test_answers_with_nothing_when_nothing_happens(self, watcher: Watcher) -> None:
        before = watcher.cursor
        seen = await watcher.look(wait=1)
        assert seen == {"cursor": before, "resync": False, "events": []}

    async def test_tells_only_what_was_asked_for(self, onlooker: httpx2.AsyncClient, ask: Any, define: Any) -> None:
        dev, staging = Watcher(onlooker, environment="dev", prefix="b."), Watcher(onlooker, environment="staging")
        for each in (dev, staging):
            await each.look()
        await define(key="a.one", type="integer")
        await define(key="b.one", type="integer")
        for key in ("a.one", "b.one"):
            body = {"environment": "dev", "items": [{"key": key, "value": 1}], **WHY}
            assert (await ask("ada", "POST", "/settings/bulk", json=body)).status_code == 200
        mine = await dev.events(2)
        assert [(each["type"], each["subject"]["key"]) for each in mine] == [
            ("SettingDefined", "b.one"), ("SettingChanged", "b.one"),
        ]  # fmt: skip
        assert [each["subject"]["key"] for each in await staging.events(2)] == ["a.one", "b.one"]

    async def test_never_shows_a_secret(self, watcher: Watcher, ask: Any, define: Any) -> None:
        await define(key="token", type="secret")
        body = {"environment": "dev", "items": [{"key": "token", "value": SECRET}], **WHY}
        assert (await ask("ada", "POST", "/settings/bulk", json=body)).status_code == 200
        events = await watcher.events(2)
        assert SECRET not in json.dumps(events)
        assert "fingerprint" not in json.dumps(events)

    async def test_never_tells_what_happens_in_another_tenant(
        self, watcher: Watcher, world: Any, neighbour: Actor
    ) -> None:
        await world.services.setting.definitions.create(neighbour, {"key": "theirs", "type": "integer"}, "because")
        await world.services.events.publisher.publish(neighbour.tenant)
        assert (await watcher.look(wait=1))["events"] == []

    async def test_flags_are_told_with_their_kill_switch(self, watcher: Watcher, ask: Any) -> None:
        flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        body = {"environment": "dev", "key": "checkout", "definition": flag, **WHY}
        assert (await ask("ada", "POST", "/flags", json=body)).status_code == 201
        new = {"definition": {**flag, "defaultVariant": "on"}, **WHY}
        where = {"environment": "dev"}
        await ask("ada", "PUT", "/flags/checkout", params=where, json=new, headers={"If-Match": '"v1"'})
        await ask("root", "POST", "/flags/checkout/kill", params=where, json=WHY)
        found = await watcher.events(3)
        assert [(each["type"], each["subject"]["version"]) for each in found] == [
            ("FeatureFlagCreated", 1), ("FeatureFlagUpdated", 2), ("FeatureFlagDisabled", 3),
        ]  # fmt: skip


class TestWord:
    """Of what was told, from PostgreSQL; a line that is cut costs a second and no event."""

    async def test_wakes_whoever_waits_whether_it_is_of_one_environment_or_of_all(
        self, monkeypatch: pytest.MonkeyPatch, watcher: Watcher, define: Any, ask: Any
    ) -> None:
        monkeypatch.setattr(tails, "_POLL_SECONDS", 3600)
        waiting = asyncio.create_task(watcher.events(2))
        await asyncio.sleep(0.1)
        await define(key="limit", type="integer")
        body = {"environment": "dev", "items": [{"key": "limit", "value": 1}], **WHY}
        assert (await ask("ada", "POST", "/settings/bulk", json=body)).status_code == 200
        assert [each["type"] for each in await waiting] == ["SettingDefined", "SettingChanged"]

    async def test_is_not_needed(self, store: PostgresStore, house: Any, world: Any) -> None:
        deaf = Watching(store)
        begin = await deaf.present(house.eve)
        waiting = asyncio.create_task(deaf.wait(house.eve, Scene(), begin, 20))
        await asyncio.sleep(0.1)
        await world.services.setting.definitions.create(house.ada, {"key": "limit", "type": "integer"}, "because")
        assert [each.type for each in (await waiting).events] == [EventType.SETTING_DEFINED]


class TestLeaving:
    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    async def test_a_server_that_stops_ends_what_would_last(
        self, world: Any, house: Any, accept: str, eventually: Callable[..., Any]
    ) -> None:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(world.app, log_level="critical", lifespan="off", http=Protocol)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await eventually(lambda: server.started)
        seats = world.services.events.watching._tails._tails
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=base, headers=world.headers(house, "eve"), timeout=60) as onlooker:
            cursor = (await onlooker.get("/api/v1/watch")).json()["cursor"]
            query = {"cursor": cursor, "wait": 55}
            asked = asyncio.create_task(onlooker.get("/api/v1/watch", params=query, headers={"Accept": accept}))
            await eventually(lambda: house.id in seats)
            server.should_exit = True
            answer = await asked
        await serving
        listening.close()
        assert answer.status_code == 200
        assert cursor in answer.text


class TestCursor:
    async def test_of_something_else_is_refused(self, onlooker: httpx2.AsyncClient) -> None:
        for cursor in ("x", "WyJmbGFncyIsMV0"):
            answer = await onlooker.get("/api/v1/watch", params={"cursor": cursor})
            assert answer.status_code == 422
            assert answer.json()["type"] == "/problems/cursor-invalid"

    async def test_older_than_what_is_kept_asks_to_read_everything_anew(
        self, watcher: Watcher, define: Any, engine: Any, house: Any
    ) -> None:
        old = watcher.cursor
        await define(key="limit", type="integer")
        assert len(await watcher.events(1)) == 1
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.id)})
            await connection.execute(text("UPDATE event_line SET forgotten = position"))
            await connection.execute(text("DELETE FROM event"))
        present, watcher.cursor = watcher.cursor, old
        assert await watcher.look() == {"cursor": present, "resync": True, "events": []}
        assert not (await watcher.look(wait=0))["resync"]
