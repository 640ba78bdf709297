"""A worker that is killed at any activity of a bulk retry has retried each command once, and another goes on.

Every boundary has commands of its own, which failed for a cause of their own, and a worker process is killed while each
operation stands at its own: half of them before their effects, half after these were committed.
"""

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from application.ports.parked import ParkedFilter
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands.bulk import Bulk, BulkState
from tests.chaos.conftest import running
from tests.conftest import House
from tests.workflow.warehouse import BROKEN, QUICK, Warehouse
from tests.works import SCHEMA, Site

SHAPE = ["look", "act", "act", "act", "settle"]
BOUNDARIES = [(number, side) for number in range(1, len(SHAPE) + 1) for side in ("before", "after")]
MANY = 6
SLOW = replace(QUICK, per_second=2)
"""So that they are retried in three batches."""
LONG = 240
pytestmark = pytest.mark.timeout(400)


def commands(boundary: tuple[int, str]) -> list[str]:
    return [f"{boundary[0]}-{boundary[1]}-{place}" for place in range(MANY)]


@dataclass(frozen=True)
class Killing:
    warehouse: Warehouse
    bulks: dict[tuple[int, str], Bulk]
    exit_code: int
    passed: list[list[str]]


@pytest_asyncio.fixture(scope="module")
async def killing(
    neighbourhood: House, store: PostgresStore, client: Client, stack: Stack, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Killing]:  # fmt: skip
    folder = tmp_path_factory.mktemp("bulk")
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    warehouse = Warehouse(
        Site(neighbourhood.id, store, owner), neighbourhood, client, f"q-{secrets.token_hex(4)}"
    )  # fmt: skip

    def worker(orders: dict[str, tuple[int, str]]) -> Any:
        file = folder / "orders.json"
        file.write_text(json.dumps(orders))
        told = ("-m", "tests.chaos.doomed_closer", warehouse.queue, str(file), str(folder / "passed"))
        return running(*told, env=surroundings, log=folder / "worker.log")

    bulks = {}
    for boundary in BOUNDARIES:
        cause = f"f-{boundary[0]}-{boundary[1]}"
        await warehouse.park(*commands(boundary), error=replace(BROKEN, fingerprint=cause))
        wanted = ParkedFilter(domain="works", cause=cause)
        bulks[boundary] = await warehouse.ask(wanted=wanted, stages=("rest",), pace=SLOW)
    async with warehouse.executing(), asyncio.timeout(LONG):
        async with worker({str(bulk.id): boundary for boundary, bulk in bulks.items()}) as doomed:
            exit_code = await doomed.wait()
        async with worker({}):
            for bulk in bulks.values():
                await warehouse.rests(bulk, BulkState.DONE)
    passed = [line.split() for line in (folder / "passed").read_text().splitlines()]
    yield Killing(warehouse, bulks, exit_code, passed)
    await owner.execute("DELETE FROM works.effect WHERE tenant_id = $1", neighbourhood.id)
    await owner.close()


@pytest.mark.req("CB-47")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        last = str(killing.bulks[BOUNDARIES[-1]].id)
        names = [name.partition(".")[2] for bulk, _, name in killing.passed if bulk == last]
        assert names[: len(SHAPE)] == SHAPE
        assert killing.exit_code == -signal.SIGKILL

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda it: f"{it[0]}-{it[1]}-{SHAPE[it[0] - 1]}")
    async def test_has_retried_each_command_once(self, killing: Killing, boundary: tuple[int, str]) -> None:
        warehouse, names = killing.warehouse, commands(boundary)
        assert await warehouse.stands(*names) == {("completed", 2): MANY}
        assert await warehouse.outcomes(killing.bulks[boundary]) == {"done": MANY}
        done = await warehouse.site.effects()
        assert [done.count(name) for name in names] == [1] * MANY
        async with warehouse.store.transaction(warehouse.site.tenant) as tx:
            rows = await tx.audit.page(AuditFilter(action=Action.PARKED_RETRIED), None, 1000)
        retried = [row.event["resource"] for row in rows]
        assert [retried.count(f"works/{name}") for name in names] == [1] * MANY
