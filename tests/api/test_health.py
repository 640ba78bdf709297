from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore
from api.app import create_app

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


class TestHealth:
    async def test_alive_and_ready_are_for_everybody(self, world: Any, house: Any) -> None:
        async with world.client(house) as client:
            alive, ready = await client.get("/healthz"), await client.get("/readyz")
        assert alive.json() == {"status": "ok"}
        assert ready.json()["parts"] == {"database": True, "temporal": True, "listener": True, "accepting": True}
        assert ready.status_code == 200

    async def test_a_part_that_is_down_is_named(self, world: Any, house: Any) -> None:
        world.processes.down = True
        try:
            async with world.client(house) as client:
                ready = await client.get("/readyz")
        finally:
            world.processes.down = False
        assert (ready.status_code, ready.json()["parts"]["temporal"]) == (503, False)
        assert ready.json()["parts"]["database"] is True

    async def test_without_a_database_it_is_alive_and_not_ready(
        self, worlds: Any, issuer: EmbeddedIssuer, data_folder: Path, house: Any
    ) -> None:
        engine = connect(NOWHERE)
        world = worlds(PostgresStore(engine), Listener(NOWHERE), issuer, data_folder)
        async with world.client(house) as client:
            ready, alive = await client.get("/readyz"), await client.get("/healthz")
            asked = await client.get("/api/v1/me", headers=world.headers(house, "ada"))
        await engine.dispose()
        assert (ready.status_code, ready.json()["parts"]["database"], alive.status_code) == (503, False, 200)
        assert ready.json()["parts"]["listener"] is False
        assert (asked.status_code, asked.json()["type"]) == (503, "/problems/database-unavailable")

    async def test_a_process_that_is_told_to_stop_says_so_first(self, world: Any, house: Any) -> None:
        seen: list[str] = []

        @asynccontextmanager
        async def hook() -> AsyncIterator[None]:
            seen.append("begun")
            yield
            seen.append("ended")

        app = create_app(world.services, hook)
        async with app.router.lifespan_context(app):
            assert seen == ["begun"]
            app.state.readiness.close()
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://changegate.test") as client:
                ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["accepting"]) == (503, False)
        assert seen == ["begun", "ended"]

    async def test_requests_are_counted_by_route_and_not_by_address(self, world: Any, house: Any, ask: Any) -> None:
        await ask("eve", "GET", "/flags/some-flag?environment=dev")
        async with world.client(house) as client:
            text = (await client.get("/metrics")).text
        assert 'route="/api/v1/flags/{key}",status="404"' in text
        assert "some-flag" not in text
