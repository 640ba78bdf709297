"""A worker that is killed in the middle of long commands has had no effect, and another goes on with them."""

import signal
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from domain.commands import CommandRecord, CommandState
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.works import SCHEMA, Site

S = CommandState
pytestmark = pytest.mark.timeout(300)


async def stands(site: Site) -> list[CommandRecord]:
    async with site.store.transaction(site.tenant) as tx:
        found = [await tx.commands.get(("doomed", each)) for each in ("built", "rebuilt")]
    return [each for each in found if each is not None]


class TestKilled:
    @pytest.mark.req("CB-18", "CB-20", "CB-21")
    async def test_effects_happen_once_and_calls_again_under_their_key(
        self,
        neighbourhood: House,
        store: PostgresStore,
        stack: Stack,
        surroundings: dict[str, str],
        tmp_path: Path,
    ) -> None:
        owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
        await owner.execute(SCHEMA)
        site = Site(neighbourhood.id, store, owner)
        env = {**surroundings, "CHANGEGATE_HANDLERS": "tests.chaos.doomed_builds:Builds"}

        async def over() -> bool:
            return all(each.over for each in await stands(site))

        await site.send("built", type="doomed.build", payload={"folder": str(tmp_path)})
        await site.send("rebuilt", type="doomed.rebuild", payload={"folder": str(tmp_path)})
        async with running("-m", "worker", env=env, log=tmp_path / "worker.log") as first:
            assert await first.wait() == -signal.SIGKILL
        assert await site.effects() == []
        assert [each.state for each in await stands(site)] == [S.RUNNING, S.RUNNING]
        async with running("-m", "worker", env=env, log=tmp_path / "worker.log"):
            await eventually(over, 90)
        assert await site.effects() == ["rebuilt"]
        assert [(each.state, each.attempt, each.crashes) for each in await stands(site)] == [(S.COMPLETED, 1, 1)] * 2
        calls = (tmp_path / "calls").read_text().splitlines()
        assert calls == ["doomed/built:1 None", "doomed/built:1 {'halfway': True}"]
        await owner.execute("DELETE FROM works.effect WHERE tenant_id = $1", neighbourhood.id)
        await owner.close()
