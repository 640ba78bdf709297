"""A worker that is killed while it executes commands has had no effect that it did not write down, and loses none."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from application.commands.turns import TOGETHER
from domain.commands import OVER, CommandRecord, CommandState, ParkedKind
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.works import SCHEMA, Site

S = CommandState
pytestmark = pytest.mark.timeout(300)


@dataclass
class Yard:
    """Where workers with doomed handlers live and die."""

    site: Site
    folder: Path
    env: dict[str, str]

    def worker(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        return running("-m", "worker", env=self.env, log=self.folder / "worker.log")

    async def send(self, *ids: str, kind: str = "doomed.write", **fate: Any) -> None:
        await self.site.send(*ids, type=kind, payload={"folder": str(self.folder), **fate})

    async def stand(self, command: str) -> CommandRecord:
        (found,) = await self.stands(command)
        return found

    async def settled(self, *ids: str) -> bool:
        return all(each.state in {*OVER, S.PARKED} for each in await self.stands(*ids))

    async def stands(self, *ids: str) -> list[CommandRecord]:
        async with self.site.store.transaction(self.site.tenant) as tx:
            found = [await tx.commands.get(("doomed", each)) for each in ids]
        return [each for each in found if each is not None]

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest_asyncio.fixture
async def yard(
    neighbourhood: House, store: PostgresStore, stack: Stack, surroundings: dict[str, str], tmp_path: Path
) -> AsyncIterator[Yard]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    env = {**surroundings, "CHANGEGATE_HANDLERS": "tests.chaos.doomed_commands:Doomed"}
    yield Yard(Site(neighbourhood.id, store, owner), tmp_path, env)
    await owner.execute("DELETE FROM works.effect WHERE tenant_id = $1", neighbourhood.id)
    await owner.close()


class TestKilled:
    @pytest.mark.req("CB-20", "CB-D14")
    async def test_between_effect_and_commit_it_takes_effect_once(self, yard: Yard) -> None:
        await yard.send("before", "after")
        await yard.send("fatal", deaths=1)
        async with yard.worker() as first:
            assert await first.wait() == -signal.SIGKILL
        assert await yard.site.effects() == []
        async with yard.worker():
            await eventually(lambda: yard.settled("before", "fatal", "after"), 60)
        assert await yard.site.effects() == ["after", "before", "fatal"]
        assert (await yard.stand("fatal")).attempt == 1

    @pytest.mark.req("CB-21")
    async def test_between_a_call_and_its_commit_it_is_called_again_under_the_same_key(self, yard: Yard) -> None:
        await yard.send("called", kind="doomed.call", deaths=1)
        async with yard.worker() as first:
            assert await first.wait() == -signal.SIGKILL
        async with yard.worker():
            await eventually(lambda: yard.settled("called"), 60)
        assert yard.lines("calls") == ["doomed/called:1"] * 2
        assert (await yard.stand("called")).state is S.COMPLETED

    @pytest.mark.req("CB-24", "CB-D1")
    async def test_what_kills_worker_after_worker_is_parked_and_the_others_are_executed(self, yard: Yard) -> None:
        others = [f"other-{number:02}" for number in range(TOGETHER + 4)]
        await yard.send("poison", deaths=99)
        await yard.send(*others)
        everything = [*others, "poison"]
        while not await yard.settled(*everything):
            async with yard.worker() as worker:
                over = asyncio.create_task(eventually(lambda: yard.settled(*everything), 60))
                died = asyncio.create_task(worker.wait())
                await asyncio.wait({over, died}, return_when=asyncio.FIRST_COMPLETED)
                over.cancel()
                died.cancel()
                await asyncio.gather(over, died, return_exceptions=True)
        assert yard.lines("deaths") == ["poison"] * 3
        poison = await yard.stand("poison")
        assert (poison.parked, poison.crashes, poison.attempt) == (ParkedKind.POISON, 3, 0)
        assert await yard.site.effects() == others
        crashes = [each.crashes for each in await yard.stands(*others)]
        assert crashes == [1] * (TOGETHER - 1) + [0] * 5  # those beside it, once; those that had not begun, never


class TestStopped:
    @pytest.mark.req("CB-31")
    async def test_what_runs_is_finished_first(self, yard: Yard) -> None:
        await yard.send("slow", kind="doomed.call", seconds=1)
        async with yard.worker() as worker:

            async def begun() -> bool:
                return yard.lines("calls") != []

            await eventually(begun, 60)
            worker.terminate()
            assert await worker.wait() == 0
        slow = await yard.stand("slow")
        assert (slow.state, slow.attempt, slow.crashes) == (S.COMPLETED, 1, 0)
