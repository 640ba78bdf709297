"""Who leads and who executes commands is killed again and again: none is lost, and none takes effect twice."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from application.tenants import Tenants
from domain.commands import OVER, CommandState, ParkedKind
from tests.chaos.conftest import Tell, died_leading, eventually, running
from tests.chaos.throughput import CALM, LONG, Throughput
from tests.conftest import House
from tests.works import SCHEMA, Site

KILLS: Final = 100 if LONG else 7
"""Of one of two workers, and of both in turn."""
APART: Final = 1.5 if LONG else 0
"""Seconds from one kill to the next, which comes once somebody has begun something."""
EACH: Final = 8
BEAT: Final = 0.2
"""Seconds in which so many commands are sent."""
LEASED_AGAIN: Final = ["dispatched", "returned", "dispatched", "started", "completed"]
LEASED_ONCE: Final = ["dispatched", "started", "completed"]
pytestmark = pytest.mark.timeout(1800 if LONG else 300)


@dataclass
class Yard(Site):
    """One tenant whose commands are executed by processes that are killed."""

    folder: Path = Path()
    env: dict[str, str] | None = None

    async def of_another(self, tenants: Tenants) -> "Yard":
        tenant = await tenants.admit_tenant(f"t-{secrets.token_hex(6)}", "A yard beside")
        return replace(self, tenant=tenant.id)

    async def put(self, *ids: str, type: str = "doomed.write", **fate: Any) -> None:  # noqa: A002 -- the command's
        await self.send(*ids, type=type, payload={"folder": str(self.folder), **fate})

    async def send_on(self, names: list[str], over: asyncio.Event) -> None:
        """All the time, and no more than that; what is being sent when it is over is sent."""
        clock = asyncio.get_running_loop().time
        numbers = count()
        while not over.is_set():
            number, next_at = next(numbers), clock() + BEAT
            more = [f"{number:05}-{each}" for each in range(EACH)]
            await self.put(*more, seconds=0.02)
            names += more
            await asyncio.sleep(max(0, next_at - clock()))

    async def died(self, lives: Sequence[tuple[UUID, str]]) -> None:
        assert self.env is not None
        await died_leading(lives, self.env, self.folder)

    async def left(self) -> tuple[str, int]:
        (found,) = await self.stood()
        return found["state"], found["crashes"]

    async def stood(self) -> list[asyncpg.Record]:
        words = "SELECT command_id, state, parked, crashes, ended_at FROM command WHERE tenant_id = $1"
        return list(await self.owner.fetch(words, self.tenant))

    async def all_over(self, many: int) -> bool:
        """If only by a person. No lease lasts: whoever sweeps asks Temporal whether somebody carries it out."""
        await self.owner.execute("UPDATE command_lease SET ends_at = now() WHERE tenant_id = $1", self.tenant)
        words = "SELECT count(*) FROM command WHERE tenant_id = $1 AND state = ANY($2)"
        return bool(await self.owner.fetchval(words, self.tenant, [*OVER, CommandState.PARKED]) >= many)

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
    @pytest.mark.req("CB-22", "CB-23", "CB-27")
    async def test_killed_at_each_boundary_has_led_all_or_nothing(self, yard: Yard) -> None:
        """What was leased for nobody is leased again, what was started goes on, and each takes effect once."""
        stories: dict[tuple[str, ...], list[str]] = {
            ("leasing",): LEASED_ONCE,
            ("leased",): LEASED_AGAIN,
            ("started",): LEASED_ONCE,
            ("giving-back",): LEASED_AGAIN,
            ("leased", "taking-back"): LEASED_AGAIN,
            ("started", "extending"): LEASED_ONCE,
            ("long-leased",): LEASED_AGAIN,
            ("long-started",): LEASED_ONCE,
            ("long-started", "extending"): LEASED_ONCE,
        }
        tenants = Tenants(yard.store)
        yards = {each: await yard.of_another(tenants) for each in stories}
        for points, each in yards.items():
            await each.put("one", type=f"doomed.{'long' if points[0].startswith('long') else 'write'}")
        await yard.died([(each.tenant, points[0]) for points, each in yards.items()])
        assert {await each.left() for each in yards.values()} <= {("dispatched", 0), ("pending", 0)}
        for each in yards.values():
            await each.let_pass(timedelta(minutes=2))
        await yard.died([(each.tenant, points[1]) for points, each in yards.items() if points[1:]])
        async with yard.lives() as lives:
            lives.write(b"one\n")
            for each in yards.values():
                await eventually(partial(each.all_over, 1), 60)
        assert {points: await each.told("one") for points, each in yards.items()} == stories
        assert [await each.effects() for each in yards.values()] == [["one"]] * len(yards)


class TestWorkers:
    @pytest.mark.req("CB-28")
    async def test_of_two_that_are_killed_in_turn_no_command_is_lost_or_done_twice(
        self, yard: Yard, tell: Tell
    ) -> None:
        names: list[str] = []
        marks: list[datetime] = []
        async with yard.lives() as lives:
            lives.write(b"one\nother\n")
            over = asyncio.Event()
            sending = asyncio.create_task(yard.send_on(names, over))
            await eventually(partial(yard.begun_since, 0), 60)
            await asyncio.sleep(CALM)
            for turns in (["one"], ["one", "other"]):
                marks.append(datetime.now(UTC))
                for number in range(KILLS):
                    before = await yard.begun()
                    await asyncio.sleep(APART)
                    await eventually(partial(yard.begun_since, before), 60)
                    lives.write(f"{turns[number % len(turns)]}\n".encode())
            marks.append(datetime.now(UTC))
            await asyncio.sleep(CALM)
            over.set()
            await sending
            await eventually(lambda: yard.all_over(len(names)), 300 if LONG else 120)
        stood = await yard.stood()
        done = sorted(each["command_id"] for each in stood if each["state"] == CommandState.COMPLETED)
        parked = {each["command_id"]: each["parked"] for each in stood if each["command_id"] not in done}
        assert sorted([*done, *parked]) == sorted(names)
        assert set(parked.values()) <= {ParkedKind.POISON}
        assert await yard.effects() == done
        assert sum(each["crashes"] for each in stood) > 0
        ends = [each["ended_at"] for each in stood if each["ended_at"]]
        tell(f"{2 * KILLS} kills: {len(names)} commands, none lost, none twice, {len(parked)} parked")
        for what, *span in zip(("one of two killed", "both in turn"), marks, marks[1:], strict=False):
            tell(f"{what}: {Throughput(ends, span[0], span[1])}")
