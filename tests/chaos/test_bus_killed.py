"""Who leads and who executes commands is killed again and again: none is lost, and none takes effect twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from domain.commands import OVER, CommandState, ParkedKind
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.works import SCHEMA, Site

LONG: Final = os.environ.get("CHANGEGATE_CHAOS") == "long"
KILLS: Final = 200 if LONG else 14
EACH: Final = 8
"""Commands that are sent before each kill, which comes once some have begun."""
pytestmark = pytest.mark.timeout(1800 if LONG else 300)


@dataclass
class Yard(Site):
    """One tenant whose commands are executed by processes that are killed."""

    folder: Path = Path()
    env: dict[str, str] | None = None

    async def put(self, *ids: str, **fate: Any) -> None:
        await self.send(*ids, type="doomed.write", payload={"folder": str(self.folder), **fate})

    async def stood(self) -> list[asyncpg.Record]:
        words = "SELECT command_id, state, parked, attempt, crashes FROM command WHERE tenant_id = $1"
        return list(await self.owner.fetch(words, self.tenant))

    async def over(self) -> int:
        """How many have an end, if only a person's."""
        return sum(each["state"] in {*OVER, CommandState.PARKED} for each in await self.stood())

    async def reached(self, many: int) -> bool:
        return await self.over() >= many

    async def all_over(self, many: int) -> bool:
        """No lease lasts: whoever sweeps asks Temporal at once whether somebody carries it out."""
        await self.owner.execute("UPDATE command_lease SET ends_at = now() WHERE tenant_id = $1", self.tenant)
        return await self.reached(many)

    async def begun(self) -> int:
        """How many executions have been begun."""
        words = "SELECT count(*) FROM audit_event WHERE tenant_id = $1 AND action = 'command:record:started'"
        return int(await self.owner.fetchval(words, self.tenant))

    async def begun_since(self, before: int) -> bool:
        return await self.begun() > before

    async def told(self, command: str) -> list[str]:
        async with self.store.transaction(self.tenant) as tx:
            rows = await tx.audit.course(("command", f"doomed/{command}"), None, 100)
        return [row.event["action"].rpartition(":")[2] for row in rows]

    def process(self, *command: str, **more: Any) -> Any:
        assert self.env is not None
        return running("-m", *command, env=self.env, log=self.folder / "log", **more)

    async def died_leading(self, point: str) -> None:
        async with self.process("tests.chaos.doomed_leading", str(self.tenant), point) as relay:
            assert await asyncio.wait_for(relay.wait(), 60) == -signal.SIGKILL, (self.folder / "log").read_text()

    @asynccontextmanager
    async def lives(self) -> AsyncIterator[asyncio.StreamWriter]:
        """Each name that is written there begins another life."""
        async with self.process("tests.chaos.doomed_bus", stdin=asyncio.subprocess.PIPE) as process:
            assert process.stdin is not None
            yield process.stdin
            process.stdin.close()
            assert await asyncio.wait_for(process.wait(), 60) == 0, (self.folder / "log").read_text()


@pytest_asyncio.fixture
async def yard(
    house: House, store: PostgresStore, stack: Stack, surroundings: dict[str, str], tmp_path: Path
) -> AsyncIterator[Yard]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    env = {**surroundings, "CHANGEGATE_HANDLERS": "tests.chaos.doomed_commands:Doomed"}
    yield Yard(house.id, store, owner, folder=tmp_path, env=env)
    await owner.close()


class TestRelay:
    @pytest.mark.req("CB-22")
    async def test_killed_after_its_lease_has_led_nothing_and_another_leads_it_once(self, yard: Yard) -> None:
        await yard.put("leased")
        await yard.died_leading("leased")
        (left,) = await yard.stood()
        assert (left["state"], left["attempt"]) == ("dispatched", 0)
        await yard.let_pass(timedelta(minutes=2))
        async with yard.process("worker"):
            await eventually(lambda: yard.reached(1), 60)
        assert await yard.effects() == ["leased"]
        assert await yard.told("leased") == ["dispatched", "returned", "dispatched", "started", "completed"]

    @pytest.mark.req("CB-23")
    async def test_killed_after_it_started_an_execution_is_not_led_again(self, yard: Yard) -> None:
        await yard.put("started")
        await yard.died_leading("started")
        assert await yard.over() == 0
        async with yard.process("worker"):
            await eventually(lambda: yard.reached(1), 60)
        assert await yard.effects() == ["started"]
        assert await yard.told("started") == ["dispatched", "started", "completed"]


class TestWorkers:
    @pytest.mark.req("CB-28")
    async def test_of_two_that_are_killed_in_turn_no_command_is_lost_or_done_twice(self, yard: Yard) -> None:
        names: list[str] = []
        async with yard.lives() as lives:
            lives.write(b"one\nother\n")
            for number in range(KILLS):
                more, before = [f"{number:03}-{each:02}" for each in range(EACH)], await yard.begun()
                await yard.put(*more, seconds=0.02)
                names += more
                await eventually(partial(yard.begun_since, before), 60)
                lives.write(b"other\n" if number % 2 else b"one\n")
            await eventually(lambda: yard.all_over(len(names)), 120)
        stood = await yard.stood()
        done = sorted(each["command_id"] for each in stood if each["state"] == CommandState.COMPLETED)
        parked = {each["command_id"]: each["parked"] for each in stood if each["command_id"] not in done}
        assert sorted([*done, *parked]) == names
        assert set(parked.values()) <= {ParkedKind.POISON}
        assert await yard.effects() == done
        assert sum(each["crashes"] for each in stood) > 0
