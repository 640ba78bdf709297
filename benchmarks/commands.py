"""Commands executed with their whole trail, in leases of 1, 25 and 100, beside a bare workflow for each."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.commands import CommandActivities
from adapters.postgres.store import PostgresStore
from adapters.temporal.chunks import TemporalChunks, chunk_worker
from adapters.temporal.client import always, connect, prepare
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.commands.relaying import CommandRelay
from application.commands.sending import MOST, send_in
from benchmarks.house import House, house
from benchmarks.measure import print_table
from domain.canonical import Json
from domain.commands import Command, CommandState
from domain.commands.outcomes import HandlerKind
from worker import ended

LEASES = ((1, 100), (25, 1000), (100, 3000))
"""How many commands in a lease, and how many are executed to measure it."""
ALONE, AT_ONCE = 200, 40
_NOTHING = text("SELECT 1")


class Nothing(BaseModel):
    """No payload."""


class Idle:
    """One statement: the least that a transactional handler does."""

    @handles("bench.write", Nothing, HandlerKind.TRANSACTIONAL)
    async def write(self, order: Order, nothing: Nothing, connection: AsyncConnection) -> Json:
        del order, nothing
        await connection.execute(_NOTHING)
        return None


class Floor:
    """One transaction that keeps nothing of what became of it."""

    def __init__(self, store: PostgresStore, tenant: UUID) -> None:
        self._store = store
        self._tenant = tenant

    @activity.defn
    async def work(self) -> None:
        async with self._store.transaction(self._tenant) as tx:
            await tx.commands.types("bench")


@workflow.defn
class Alone:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity_method(Floor.work, start_to_close_timeout=timedelta(seconds=10))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks commands")
    parser.add_argument("--times", type=int, default=1, help="so many times as many commands")
    asyncio.run(_measured(parser.parse_args().times))


async def _measured(times: int) -> None:
    async with house() as home:
        client = await connect(home.stack.endpoints.temporal_address)
        await prepare(client)
        floor = await _alone(home, client)
        rows: list[Sequence[str]] = [("a bare workflow each", f"{floor:,.0f}", "1.0")]
        for most, commands in LEASES:
            sent, done = await _leased(home, client, most, commands * times)
            rows.append((f"leases of {most}", f"{done:,.0f}", f"{done / floor:.1f}"))
    rows.append((f"sent, {MOST} at a time", f"{sent:,.0f}", ""))
    print_table("commands a second, from the first lease to the last commit", ("what", "per s", "ratio"), rows)


async def _leased(home: House, client: Client, most: int, commands: int) -> tuple[float, float]:
    """Sent and executed, a second."""
    handlers, chunks = Handlers(Idle()), TemporalChunks(always(client), f"bench-{uuid4()}")
    await home.store.put_command_types(handlers.types())
    began = time.perf_counter()
    for start in range(0, commands, MOST):
        async with home.store.transaction(home.tenant.id) as tx:
            names = [f"{most}-{number}" for number in range(start, min(start + MOST, commands))]
            await send_in(tx, [Command("bench.write", name, {}) for name in names])
    sent = time.perf_counter() - began
    activities = CommandActivities(Executing(home.store, handlers))
    async with chunk_worker(client, activities, chunks.queue("bench")):
        began = time.perf_counter()
        leading = asyncio.create_task(CommandRelay(home.store, home.store, chunks, handlers, most=most).run())
        while await _left(home):  # noqa: ASYNC110 -- the database sets no event
            await asyncio.sleep(0.02)
        taken = time.perf_counter() - began
        await ended(leading)
    return commands / sent, commands / taken


async def _left(home: House) -> bool:
    async with home.engine.begin() as connection:
        await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(home.tenant.id)})
        left = text("SELECT EXISTS (SELECT FROM command WHERE state <> :done)")
        return bool(await connection.scalar(left, {"done": CommandState.COMPLETED}))


async def _alone(home: House, client: Client) -> float:
    queue, gate = f"alone-{uuid4()}", asyncio.Semaphore(AT_ONCE)
    floor = Floor(home.store, home.tenant.id)

    async def one() -> None:
        async with gate:
            await client.execute_workflow(Alone.run, id=f"alone-{uuid4()}", task_queue=queue)

    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Alone],
        activities=[floor.work],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(ALONE)))
        return ALONE / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
