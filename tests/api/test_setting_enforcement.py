"""Who is broader wins, and what was accepted is there for whoever comes later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore

WHY = {"reason": "because of the test"}
COMPANY, ADA = "company:de", "company:de/user:ada"


@pytest.fixture
async def limit(define: Any) -> None:
    await define(key="limit", type="integer", scopes=["tenant", "company", "user"], default=1)


@pytest.fixture
def say(ask: Any) -> Any:
    async def said(scope: str, value: int, version: int = 0, **more: Any) -> Any:
        path, headers = f"/settings/limit?environment=dev&scope={scope}", {"If-Match": f'"v{version}"'}
        return await ask("ada", "PUT", path, json={"value": value, **WHY, **more}, headers=headers)

    return said


@pytest.fixture
def explained(ask: Any) -> Any:
    async def asked(scope: str) -> tuple[Any, dict[str, str]]:
        answer = (await ask("eve", "GET", f"/settings/limit/explain?environment=dev&scope={scope}")).json()
        return answer["effective"]["value"], {line["level"]: line["state"] for line in answer["trace"]}

    return asked


@pytest.mark.req("FR-SM-003", "ST72", "ST73")
class TestEnforcement:
    async def test_of_the_broadest_wins_and_the_next_takes_over_when_it_lets_go(
        self, limit: None, say: Any, explained: Any
    ) -> None:
        assert (await say(ADA, 30)).status_code == 200
        assert (await say(COMPANY, 20, enforced=True)).status_code == 200
        assert await explained(ADA) == (
            20,
            {"default": "default", "": "none", COMPANY: "enforced", ADA: "shadowed"},
        )
        assert (await say("", 10, enforced=True)).status_code == 200
        assert await explained(ADA) == (
            10,
            {"default": "default", "": "enforced", COMPANY: "shadowed", ADA: "shadowed"},
        )
        refused = await say(COMPANY, 25, 1)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/setting-enforced")
        assert (await say("", 10, 1)).status_code == 200
        assert (await explained(ADA))[0] == 20
        assert (await say(COMPANY, 20, 1)).status_code == 200
        assert (await explained(ADA))[0] == 30


@pytest.mark.req("SM-D1")
@pytest.mark.usefixtures("limit")
class TestLater:
    async def test_a_process_that_starts_anew_tells_what_was_accepted(
        self,
        say: Any,
        house: Any,
        world: Any,
        worlds: Callable[..., Any],
        database_url: str,
        tmp_path: Path,
    ) -> None:
        for version, value in enumerate((10, 20)):
            assert (await say(COMPANY, value, version)).status_code == 200
        engine = connect(database_url)
        anew = worlds(PostgresStore(engine), Listener(database_url), world.issuer, tmp_path)
        async with anew.client(house, "aud") as client:
            place = "?environment=dev&scope=company:de"
            told = (await client.get(f"/api/v1/settings/limit/effective{place}")).json()
            versions = (await client.get(f"/api/v1/settings/limit/versions{place}")).json()["items"]
            events = (await client.get("/api/v1/audit-logs?action=setting:value:changed")).json()["items"]
        await engine.dispose()
        assert told["value"] == 20
        assert [(each["version"], each["value"]) for each in versions] == [(2, 20), (1, 10)]
        assert len(events) == 2
