"""Every story has a tenant and a task queue of its own, and every history that it made is replayed when it is over."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Replayer

from adapters.embedded.stack import Stack
from adapters.memory.metrics import ScriptedSource
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import connect, prepare
from adapters.temporal.worker import WORKFLOWS, sandbox
from tests.conftest import House
from tests.trail import told  # noqa: F401 -- it stands for the house of every story
from tests.workflow.closes import close, staffed  # noqa: F401 -- fixtures are found by their name
from tests.workflow.record import kept
from tests.workflow.theatre import Clock, Theatre, healthy, known, now


@pytest_asyncio.fixture(scope="session")
async def client(stack: Stack) -> Client:
    client = await connect(stack.endpoints.temporal_address)
    await prepare(client)
    return client


@pytest_asyncio.fixture
async def unmanned(house: House, store: PostgresStore, client: Client) -> AsyncIterator[Theatre]:
    """A stage without a worker: the story starts and stops its own."""
    metrics = ScriptedSource(now() - timedelta(hours=1), healthy())
    theatre = Theatre(house, store, client, f"q-{secrets.token_hex(4)}", metrics, Clock(client), store)
    await theatre.flag()
    yield theatre
    await replayed(theatre)


@pytest_asyncio.fixture
async def stage(unmanned: Theatre) -> AsyncIterator[Theatre]:
    async with unmanned.worker():
        yield unmanned


async def replayed(theatre: Theatre) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=sandbox(),
        data_converter=theatre.client.data_converter,
    )
    for change in theatre.played:
        for kind in ("rollout", "approval", "import"):
            handle = theatre.handle(change, kind)
            if await known(handle):
                history = await handle.fetch_history()
                await replayer.replay_workflow(history)
                kept(kind, history)
