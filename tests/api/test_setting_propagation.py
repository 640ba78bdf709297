"""Two processes over one database: what one writes the other serves, from memory."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from application.settings.definitions import SettingDefinitions
from application.settings.reading import Question, SettingReads
from application.settings.snapshots import SettingSnapshots
from application.tenants import Tenants
from domain.environments import Environment
from domain.people import Role
from domain.settings import Scope
from tests.api.test_propagation import CUT
from tests.conftest import House

DEV, QA = Environment.DEV, Environment.QA
WHY = {"reason": "because of the test"}
KEYS = [f"limit.{number}" for number in range(8)]


class Process:
    """What a second process has: snapshots and a line of its own."""

    def __init__(self, store: Any, line: Listener, clock: Callable[[], Any]) -> None:
        self.line = line
        self.snapshots = SettingSnapshots(store, line.settings, clock)
        self._reads = SettingReads(store, self.snapshots)

    async def values(self, house: Any, environment: Environment = DEV) -> dict[str, Any]:
        some = await self._reads.some_effective(house.eve, Question(environment, Scope()), KEYS)
        return {each.definition.key: each.resolution.value for each in some}

    async def value(self, house: Any, environment: Environment = DEV) -> Any:
        return (await self.values(house, environment)).get(KEYS[0])


@pytest_asyncio.fixture
async def second(world: Any, store: Any, database_url: str, eventually: Callable[..., Any]) -> AsyncIterator[Process]:
    process = Process(store, Listener(database_url), world.services.clock)
    task = asyncio.create_task(process.snapshots.follow())
    try:
        await eventually(lambda: process.line.alive)
        yield process
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def neighbours(store: Any) -> Any:
    """Another tenant, which has defined the same key."""
    house = House(await Tenants(store).admit_tenant(f"n-{secrets.token_hex(6)}", "Neighbours"))
    for handle, role in (("ada", Role.CONFIG_MANAGER), ("eve", Role.VIEWER)):
        admitted = await Tenants(store).admit_principal(house.tenant, handle, frozenset({role}), issuer="neighbours")
        house.people[handle] = admitted.actor
    raw = {"key": KEYS[0], "type": "integer", "default": 1, "scopes": ["tenant"]}
    await SettingDefinitions(store).create(house.ada, raw, "because of the test")
    return house


@pytest.fixture
def define(ask: Any) -> Any:
    async def defined(*keys: str) -> None:
        for key in keys:
            wish = {"definition": {"key": key, "type": "integer", "default": 0, "scopes": ["tenant"]}, **WHY}
            assert (await ask("ada", "POST", "/setting-definitions", json=wish)).status_code == 201

    return defined


@pytest.fixture
def say(ask: Any) -> Any:
    async def said(value: int, version: int) -> None:
        path, headers = f"/settings/{KEYS[0]}?environment=dev", {"If-Match": f'"v{version}"'}
        answer = await ask("ada", "PUT", path, json={"value": value, **WHY}, headers=headers)
        assert answer.status_code == 200, answer.text

    return said


@pytest.fixture
def told(ask: Any) -> Any:
    async def asked() -> Any:
        return (await ask("eve", "GET", f"/settings/{KEYS[0]}/effective?environment=dev")).json()["value"]

    return asked


class TestPropagation:
    async def test_another_process_serves_a_committed_value_and_a_new_key(
        self, house: Any, define: Any, say: Any, second: Process, eventually: Callable[..., Any]
    ) -> None:
        assert await second.values(house) == {}
        await define(KEYS[0])
        await eventually(lambda: _is(second, house, 0))
        await say(7, 0)
        await eventually(lambda: _is(second, house, 7))
        assert await second.value(house, QA) == 0

    async def test_the_process_that_wrote_serves_it_at_once(self, define: Any, say: Any, told: Any) -> None:
        await define(KEYS[0])
        assert await told() == 0
        for number in range(10):
            await say(number, number)
            assert await told() == number

    async def test_a_line_that_was_cut_serves_nothing_old_when_it_stands_again(
        self, stack: Any, house: Any, define: Any, say: Any, second: Process, eventually: Callable[..., Any]
    ) -> None:
        await define(KEYS[0])
        await eventually(lambda: _is(second, house, 0))
        before = second.line.line
        owner = connect(stack.endpoints.database_superuser_url)
        async with owner.connect() as connection:
            await connection.execute(text(CUT))
        await owner.dispose()
        await eventually(lambda: not second.line.alive)
        await say(7, 0)
        assert await second.value(house) == 7
        await eventually(lambda: second.line.alive)
        assert (second.line.line, await second.value(house)) == (before + 1, 7)

    @pytest.mark.req("ST75")
    async def test_no_reader_sees_half_a_batch(
        self, ask: Any, house: Any, define: Any, second: Process, eventually: Callable[..., Any]
    ) -> None:
        await define(*KEYS)
        seen: list[set[Any]] = []
        done = asyncio.Event()

        async def watch() -> None:
            while not done.is_set():
                seen.append(set((await second.values(house)).values()))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        for number in range(1, 15):
            items = [{"key": key, "value": number, "expected_version": number - 1} for key in KEYS]
            answer = await ask("ada", "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY})
            assert answer.status_code == 200, answer.text
        await eventually(lambda: _is(second, house, 14))
        done.set()
        await watching
        assert len({min(each) for each in seen if each}) > 1
        assert [each for each in seen if len(each) > 1] == []

    @pytest.mark.req("ST84")
    async def test_two_tenants_never_cross(
        self, house: Any, neighbours: Any, define: Any, say: Any, second: Process, eventually: Callable[..., Any]
    ) -> None:
        await define(KEYS[0])
        await say(7, 0)
        await eventually(lambda: _is(second, house, 7))
        await eventually(lambda: _is(second, neighbours, 1))
        await say(8, 1)
        await eventually(lambda: _is(second, house, 8))
        assert await second.value(neighbours) == 1


async def _is(process: Process, house: Any, value: Any) -> bool:
    return bool(await process.value(house) == value)
