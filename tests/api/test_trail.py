"""What a deployment did is in the trail, once a step, and can be checked by whoever has an export of it."""

import asyncio
import csv
import io
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import connect
from tests.api.driving import Drive, begun
from tests.trail import disagreements

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "trail.md"


@pytest_asyncio.fixture
async def told(world: Any, house: Any, ask: Any) -> Drive:
    """One deployment that was exposed, paused, resumed and taken back."""
    flag = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=flag)).status_code == 201
    wish = {"environment": "dev", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"},
            "base_version": 1, "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
    made = await ask("ada", "POST", "/changes", json=wish)

    async def as_ada(method: str, path: str) -> Any:
        return await ask("ada", method, path, json={})

    drive = await begun(world, house, made.json()["id"], as_ada)
    await drive.expose()
    for verb in ("pause", "resume"):
        answer = await ask("olu", "POST", f"/rollouts/{drive.rollout}/{verb}", json=WHY)
        assert answer.status_code == 200, answer.text
    await drive.go_back()
    return drive


@pytest_asyncio.fixture
async def owner(stack: Any) -> AsyncIterator[AsyncConnection]:
    """Somebody whom no guard of the database stops; nothing of it stays."""
    engine = connect(stack.endpoints.database_superuser_url)
    async with engine.connect() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        await connection.rollback()
    await engine.dispose()


@pytest.mark.req("S89")
class TestTrail:
    async def test_both_exports_tell_each_step_once_and_by_whom(self, ask: Any, told: Drive, house: Any) -> None:
        query = f"action=rollout:state:moved&change={told.rollout}"
        lines = (await ask("aud", "GET", f"/audit-logs/export?format=jsonl&{query}")).content.splitlines()
        table = (await ask("aud", "GET", f"/audit-logs/export?format=csv&{query}")).text
        events = [orjson.loads(line)["event"] for line in lines]
        rows = list(csv.DictReader(io.StringIO(table, newline="")))
        assert [(row["id"], row["actor"], orjson.loads(row["after"])) for row in rows] == [
            (event["id"], event["actor"] or "", event["after"]) for event in events
        ]
        steps = (await ask("eve", "GET", f"/deployments/{told.rollout}/timeline")).json()["items"]
        assert len(steps) > 5
        assert sorted((step["step"], step["actor"]) for step in steps) == sorted(
            (event["after"]["step"], event["actor"]) for event in events
        )
        assert [event["after"]["state"] for event in events if event["actor"] == str(house.olu.id)] == [
            "RUNNING", "PAUSED",
        ]  # fmt: skip

    async def test_whoever_has_an_export_can_check_it_as_the_page_says(
        self, ask: Any, told: Drive, tmp_path: Path
    ) -> None:
        check, export = tmp_path / "check.py", tmp_path / "audit.jsonl"
        (written,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        check.write_text(written)
        whole = (await ask("aud", "GET", "/audit-logs/export")).content
        for content, code in ((whole, 0), (whole.replace(b'"ROLLED_BACK"', b'"SUCCEEDED"', 1), 1)):
            export.write_bytes(content)
            done = await asyncio.create_subprocess_exec(sys.executable, check, export, stderr=subprocess.DEVNULL)
            assert await done.wait() == code


@pytest.mark.req("S89")
class TestDisagreements:
    """What is compared after every test here would be seen."""

    async def test_there_are_none(self, told: Drive, owner: AsyncConnection, house: Any) -> None:
        assert await disagreements(owner, house.id) == []

    @pytest.mark.parametrize(
        ("deed", "seen"),
        [
            ("DELETE FROM audit_event WHERE event_id = :event", {"a step without a row"}),
            ("DELETE FROM rollout_transition WHERE rollout_id = :rollout AND seq = 1", {"a row without a step"}),
            (
                "UPDATE rollout_transition SET actor = :event WHERE rollout_id = :rollout AND seq = 1",
                {"a step without a row", "a row without a step"},
            ),
            ("UPDATE audit_event SET outcome = 'failure' WHERE event_id = :event",
             {"a step without a row", "a column that says something else"}),
            ("UPDATE audit_event SET actor = :rollout WHERE event_id = :event",
             {"a step without a row", "a row without a step", "a step of nobody", "a column that says something else"}),
        ],
    )  # fmt: skip
    async def test_each_is_seen(
        self, told: Drive, owner: AsyncConnection, house: Any, deed: str, seen: set[str]
    ) -> None:
        found = await owner.execute(
            text("SELECT event_id FROM audit_event WHERE change_id = :rollout AND action = 'rollout:state:moved'"),
            {"rollout": told.rollout},
        )
        both = {"event": found.scalars().first(), "rollout": told.rollout}
        names = {name: both[name] for name in both if f":{name}" in deed}
        await owner.execute(text(deed), names)
        assert {wrong for wrong, _ in await disagreements(owner, house.id)} == seen
