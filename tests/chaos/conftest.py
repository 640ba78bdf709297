"""Real processes of the product, on the session's real servers, are killed and started again."""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import connect, prepare
from application.tenants import Tenants
from tests.chaos.throughput import LONG
from tests.conftest import CAST, House

ROOT = Path(__file__).parents[2]
Tell: TypeAlias = Callable[[str], None]

pytest.register_assert_rewrite("tests.chaos.place")  # what it found is said, as in a test


@pytest.fixture(scope="module")
def issuer(data_folder: Path) -> EmbeddedIssuer:
    return EmbeddedIssuer(data_folder / "chaos-keys")


@pytest_asyncio.fixture(scope="module")
async def client(stack: Stack) -> Client:
    client = await connect(stack.endpoints.temporal_address)
    await prepare(client)
    return client


@pytest_asyncio.fixture(scope="module")
async def neighbourhood(store: PostgresStore, issuer: EmbeddedIssuer) -> House:
    """One house for all tests of a module; its people have tokens of the embedded issuer."""
    tenants = Tenants(store)
    house = House(await tenants.admit_tenant(f"t-{secrets.token_hex(6)}", "A house of killed processes"))
    for handle, roles in CAST.items():
        person = await tenants.admit_principal(
            house.tenant, handle, frozenset(roles), issuer=issuer.issuer, email=f"{handle}@example.test"
        )
        house.people[handle] = person.actor
    return house


@pytest.fixture(scope="module")
def surroundings(stack: Stack, database_url: str, data_folder: Path) -> dict[str, str]:
    """The settings with which a process of the product finds the session's servers."""
    return {
        **os.environ,
        "CHANGEGATE_DATABASE_URL": database_url,
        "CHANGEGATE_TEMPORAL_ADDRESS": stack.endpoints.temporal_address,
        "CHANGEGATE_KEYS": str(data_folder / "chaos-keys"),
        "CHANGEGATE_EMBEDDED_ISSUER": "true",
        "CHANGEGATE_LOG_LEVEL": "WARNING",
    }


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """What the long version found is seen by whoever runs it."""

    def told(words: str) -> None:
        with capsys.disabled():
            print(f"\n{words}", flush=True)  # noqa: T201 -- somebody looks

    return told if LONG else lambda _: None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(
    *command: str, env: dict[str, str], log: Path, stdin: int | None = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this interpreter, gone at the end: asked first, killed if it does not listen."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, env=env, stdin=stdin, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def died_leading(lives: Sequence[tuple[UUID, str]], env: dict[str, str], folder: Path) -> None:
    """One life after the other has led a tenant's commands or processes to a point, and no further."""
    said, deaths, log = (
        "".join(f"{tenant} {point}\n" for tenant, point in lives),
        folder / "led",
        folder / "leading.log",
    )
    deaths.unlink(missing_ok=True)
    leading = running("-m", "tests.chaos.doomed_leading", str(deaths), env=env, log=log, stdin=asyncio.subprocess.PIPE)
    async with leading as process:
        await asyncio.wait_for(process.communicate(said.encode()), 120)
    assert process.returncode == 0, log.read_text()
    assert deaths.read_text() == said


async def eventually(look: Callable[[], Awaitable[Any]], patience: float = 120) -> Any:
    """What `look` gives once it counts as true."""
    async with asyncio.timeout(patience):
        while not (found := await look()):  # noqa: ASYNC110 -- another process sets no event of ours
            await asyncio.sleep(0.05)
    return found


async def a_few_at_once(tasks: Sequence[Callable[[], Awaitable[Any]]], most: int = 8) -> list[Any]:
    """The results, in order; never more than `most` at a time."""
    gate = asyncio.Semaphore(most)

    async def one(task: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await task()

    return await asyncio.gather(*map(one, tasks))
