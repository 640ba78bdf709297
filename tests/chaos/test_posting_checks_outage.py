"""While the database is away nobody is told that a period is open, once what was heard of it is too old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from adapters.embedded.installation import RunningStack
from adapters.embedded.places import login_url
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from cli.seed import PEOPLE, TENANT
from terminal import EmbeddedInstallation
from tests.chaos.conftest import eventually, free_port
from tests.chaos.place import UNAVAILABLE, Place, Postbox
from tests.gatekeeping import Bookroom

SILENCE = 4
PATH = "/api/v1/posting-checks"
QUESTION = {"entity": "acme", "scope": "AP", "operation": "transaction", "date": "2024-03-15"}


@pytest_asyncio.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("installation")
    installation = EmbeddedInstallation(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHANGEGATE_GATE_SILENCE", str(SILENCE))
        async with installation.start() as running:
            assert isinstance(running, RunningStack)
            await installation.admit(TENANT, "A shop with outages", PEOPLE)
            yield Place(folder, running, Postbox(free_port()))


async def check(place: Place) -> httpx2.Response:
    answer: httpx2.Response = await place.person("root").ask("POST", PATH, {"checks": [QUESTION]})
    return answer


async def reason(place: Place) -> Any:
    answer = await check(place)
    assert answer.status_code == httpx2.codes.OK, answer.text
    return answer.json()["answers"][0]["reason_code"]


@asynccontextmanager
async def books_of(place: Place) -> AsyncIterator[Bookroom]:
    engine = connect(login_url(place.folder))
    store = PostgresStore(engine)
    tenant = await store.tenant(TENANT)
    assert tenant is not None
    async with store.transaction(tenant.id) as tx:
        root = await tx.people.principal("root")
    assert root is not None
    yield Bookroom(store, tenant.id, root.id)
    await engine.dispose()


@pytest.mark.req("FP42")
async def test_nothing_is_told_to_be_open_that_nobody_can_know(place: Place) -> None:
    async with books_of(place) as books:
        await books.furnish(2024)
        await books.stand("2024-03", "AP", "open")
    assert await reason(place) is None
    async with place.without("postgres"):
        told = await check(place)
        assert told.status_code == UNAVAILABLE or told.json()["answers"][0]["binding"] is False

        async def nobody_knows() -> bool:
            return (await check(place)).status_code == UNAVAILABLE

        await eventually(nobody_knows)
        await asyncio.sleep(SILENCE)
        answer = await check(place)
        assert answer.status_code == UNAVAILABLE
        assert answer.headers["content-type"] == "application/problem+json"
    await place.whole()

    async def known_again() -> bool:
        return (await check(place)).is_success

    await eventually(known_again)
    assert await reason(place) is None
    async with books_of(place) as anew:
        anew.periods = books.periods
        await anew.move("2024-03", "AP", "frozen")

    async def frozen() -> bool:
        return bool(await reason(place) == "not-adjustable")

    await eventually(frozen)
