"""A line that is cut without a word: packets stop, and nobody says so."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from adapters.postgres.listener import HEARTBEAT, PATIENCE, Listener
from domain.environments import Environment
from tests.api.test_setting_propagation import KEYS, Process
from tests.fronts import Wire, listening

DEV = Environment.DEV


@pytest_asyncio.fixture
async def wire(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = make_url(database_url)
    wire = Wire(url.host or "", url.port or 0)
    async with listening(wire.answer, "127.0.0.1") as port:
        yield wire, url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


@pytest_asyncio.fixture
async def far(world: Any, store: Any, wire: tuple[Wire, str], eventually: Callable[..., Any]) -> AsyncIterator[Process]:
    """Another process, whose line (and nothing else) goes over the wire."""
    process = Process(store, Listener(wire[1]), world.services.clock)
    task = asyncio.create_task(process.snapshots.follow())
    try:
        await eventually(lambda: process.line.alive)
        yield process
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_the_bound_is_less_than_a_second() -> None:
    assert HEARTBEAT + PATIENCE < 1


@pytest.mark.req("FR-CFG-009", "ST84")
async def test_nothing_is_believed_beyond_the_bound(
    wire: tuple[Wire, str], house: Any, ask: Any, far: Process, eventually: Callable[..., Any]
) -> None:
    definition = {"key": KEYS[0], "type": "integer", "default": 0, "scopes": ["tenant"]}
    wish = {"definition": definition, "reason": "because of the test"}
    assert (await ask("ada", "POST", "/setting-definitions", json=wish)).status_code == 201
    await eventually(lambda: _is(far, house, 0))
    wire[0].open.clear()
    path, headers = f"/settings/{KEYS[0]}?environment=dev", {"If-Match": '"v0"'}
    said = {"value": 7, "reason": "because of the test"}
    assert (await ask("ada", "PUT", path, json=said, headers=headers)).status_code == 200
    await asyncio.sleep(HEARTBEAT + PATIENCE)
    assert await far.value(house) == 7
    assert not far.line.alive
    wire[0].open.set()
    await eventually(lambda: far.line.alive)
    assert await far.value(house) == 7


@pytest.mark.req("FR-CFG-009")
async def test_a_process_that_was_too_busy_to_ask_does_not_believe_itself(far: Process) -> None:
    time.sleep(HEARTBEAT + PATIENCE)  # noqa: ASYNC251 -- the whole loop stands still, as under a long computation
    assert not far.line.alive


async def _is(process: Process, house: Any, value: Any) -> bool:
    return bool(await process.value(house) == value)
