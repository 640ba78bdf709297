"""The page about flags in applications: its programs print what it promises, its requests are answered so."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from domain.environments import Environment
from tests.api.conftest import served
from tests.api.howtos import ROOT, Follow

PAGE = (ROOT / "docs" / "howto" / "openfeature.md").read_text(encoding="utf-8")
ON = "true"


def programs(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def first_line(*command: str, folder: Path, env: dict[str, str]) -> str:
    """What a program prints first; it may go on, as pages do."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **env}, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(60):
            line = await process.stdout.readline() if process.stdout else b""
            return line.decode().strip().lower() or (await process.communicate())[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest_asyncio.fixture
async def given(follow: Follow, world: Any, house: Any, address: str, eventually: Callable[..., Any]) -> dict[str, str]:
    """What the programs find in their environment, once the flag is there."""
    shelf = await world.services.flag_sets.shelf(house.id, Environment.DEV)
    await follow("openfeature", "shop")
    await eventually(lambda: "new-checkout" in shelf.flags.keys)
    token = world.headers(house, "shop")["Authorization"].removeprefix("Bearer ")
    return {"API": address, "TOKEN": token, "TENANT": house.tenant.slug}


@pytest_asyncio.fixture
async def origin(world: Any, given: dict[str, str]) -> AsyncIterator[str]:
    """Of the page: a server that passes on what a browser asks, and says who asks."""
    named = {"Authorization": f"Bearer {given['TOKEN']}", "Changegate-Tenant": given["TENANT"],
             "Changegate-Environment": "dev"}  # fmt: skip
    added = [(name.lower().encode(), value.encode()) for name, value in named.items()]

    async def passing_on(scope: Scope, receive: Receive, send: Send) -> None:
        assert all(name != b"authorization" for name, _ in scope["headers"])
        await world.app({**scope, "headers": [*scope["headers"], *added]}, receive, send)

    async with served(passing_on) as address:
        yield address


@pytest.mark.req("FR-SM-041", "OF-01")
class TestPrograms:
    async def test_of_python(self, given: dict[str, str], tmp_path: Path) -> None:
        (program,) = programs("python")
        assert await first_line(sys.executable, "-c", program, folder=tmp_path, env=given) == ON

    async def test_of_node(self, given: dict[str, str], node_home: Path) -> None:
        (node_home / "server.mjs").write_text(programs("js")[0])
        assert await first_line("node", "server.mjs", folder=node_home, env=given) == ON

    async def test_of_a_browser(self, given: dict[str, str], node_home: Path, origin: str) -> None:
        (node_home / "page.mjs").write_text(programs("js")[1])
        command = ("node", "--experimental-eventsource", "page.mjs")
        assert await first_line(*command, folder=node_home, env={"ORIGIN": origin}) == ON


@pytest.mark.req("FR-SM-041", "OF-01")
async def test_what_php_sends_is_answered_as_the_page_says(given: dict[str, str]) -> None:
    told = programs("http")
    for asked, expected in zip(told[::2], told[1::2], strict=True):
        head, _, body = (
            asked.rstrip().replace("$TOKEN", given["TOKEN"]).replace("$TENANT", given["TENANT"]).partition("\n\n")
        )
        place = urlsplit(given["API"])
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        lines = [*head.split("\n"), f"Host: {place.netloc}", f"Content-Length: {len(body)}", "Connection: close"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        answer = (await reader.read()).decode()
        writer.close()
        start, _, content = answer.partition("\r\n\r\n")
        status, *headers = start.split("\r\n")
        wanted, _, wanted_body = expected.rstrip().partition("\n\n")
        wanted_status, *wanted_headers = wanted.split("\n")
        assert (status, content) == (wanted_status, wanted_body)
        assert set(wanted_headers) <= set(headers)
