"""The page about writing a handler makes a module that does what the page says."""

import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from application.commands.executing import Executing
from application.commands.handling import Handlers
from application.commands.sending import send_in
from domain.commands import Command, CommandState
from tests.chaos.conftest import free_port
from tests.works import Site

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "write-a-handler.md"


def written(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    place = tmp_path_factory.mktemp("stock") / "commands.py"
    place.write_text(written("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("stock_of_the_page", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # models find their annotations there
    spec.loader.exec_module(module)
    return module


@pytest_asyncio.fixture
async def shelves(site: Site, owner: asyncpg.Connection) -> AsyncIterator[Site]:
    await owner.execute(written("sql"))
    await owner.execute("INSERT INTO stock.article VALUES ($1, 'bolt', 5)", site.tenant)
    yield site
    await owner.execute("DROP SCHEMA stock CASCADE")


async def executed(shelves: Site, executing: Executing) -> dict[str, int]:
    lease = uuid4()
    async with shelves.store.transaction(shelves.tenant) as tx:
        await tx.commands.lease("stock", 10, tx.now + timedelta(minutes=1), lease)
    return await executing.execute(shelves.tenant, lease)


async def test_the_module_does_what_the_page_says(
    shelves: Site, stock: ModuleType, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRIER", f"http://127.0.0.1:{free_port()}")
    handlers = Handlers(stock.take, stock.fetch, stock.one_piece)
    await shelves.store.put_command_types(handlers.types())
    wishes = {
        "three": {"article": "bolt", "pieces": 3},
        "three-more": {"article": "bolt", "pieces": 3},
        "unknown": {"article": "nut", "pieces": 1},
    }
    async with shelves.store.transaction(shelves.tenant) as tx:
        await send_in(tx, [Command("stock.take", name, wish, 2) for name, wish in wishes.items()])
    await shelves.send("old", type="stock.take", payload={"article": "bolt"})
    executing = Executing(shelves.store, handlers)
    assert await executed(shelves, executing) == {"completed": 2, "failed": 1, "parked": 1}
    assert await owner.fetchval("SELECT pieces FROM stock.article WHERE tenant_id = $1", shelves.tenant) == 1
    assert await executed(shelves, executing) == {"retry-wait": 2}
    async with shelves.store.transaction(shelves.tenant) as tx:
        told = await tx.commands.get(("stock", "three-fetch"))
    assert told is not None
    assert told.error is not None
    assert (told.state, told.error.code, told.attempt) == (CommandState.RETRY_WAIT, "carrier-silent", 1)
    assert told.command.options.causation == "stock/three"
