import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from adapters.memory.cache import NoSnapshots
from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from application.evaluation import FlagSets
from application.flags import Flags
from domain.environments import Environment

IN = Environment.DEV
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON = {**FLAG, "defaultVariant": "on"}

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = 'changegate_service' AND state = 'idle' AND application_name <> 'changegate'
"""
"""The lines that listen: the pool's connections bear the product's name."""


@contextlib.asynccontextmanager
async def _process(store: Any, database_url: str) -> AsyncIterator[FlagSets]:
    """What a second process has: snapshots and a line of its own."""
    flag_sets = FlagSets(store, Listener(database_url).flags, NoSnapshots(), lambda: 0.0)
    task = asyncio.create_task(flag_sets.follow())
    try:
        yield flag_sets
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def second(store: Any, database_url: str, eventually: Callable[..., Any]) -> AsyncIterator[FlagSets]:
    async with _process(store, database_url) as flag_sets:
        await eventually(lambda: flag_sets.listening)
        yield flag_sets


async def _value(flag_sets: FlagSets, house: Any) -> Any:
    return (await flag_sets.get(house.id, IN)).evaluate("checkout", {}).value


class TestPropagation:
    async def test_another_process_serves_a_committed_change(
        self, world: Any, house: Any, ask: Any, second: FlagSets, eventually: Callable[..., Any]
    ) -> None:
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, "reason": "because of the test"}
        await ask("ada", "POST", "/flags", json=wish)
        both = (world.services.flag_sets, second)
        await eventually(lambda: _values(both, house, expected=False))
        await ask("root", "POST", "/flags/checkout/kill?environment=dev",
                  json={"variant": "on", "reason": "because of the test"})  # fmt: skip
        await eventually(lambda: _values(both, house, expected=True))

    async def test_a_line_that_was_cut_is_noticed_and_everything_read_anew(
        self, store: Any, stack: Any, house: Any, second: FlagSets, eventually: Callable[..., Any]
    ) -> None:
        flags = Flags(store)
        await flags.create(house.ada, (IN, "checkout"), FLAG, "for the test")
        assert await _value(second, house) is False
        owner = connect(stack.endpoints.database_superuser_url)
        async with owner.connect() as connection:
            await connection.execute(text(CUT))
        await owner.dispose()
        await flags.update(house.ada, (IN, "checkout"), ON, expected=1, reason="for the test")

        async def served() -> bool:
            return await _value(second, house) is True

        await eventually(served)
        await eventually(lambda: second.listening)


async def _values(processes: tuple[FlagSets, ...], house: Any, *, expected: bool) -> bool:
    return [await _value(each, house) for each in processes] == [expected] * len(processes)
