"""Two API processes over one database and one Valkey: what one writes is read from both, all the while."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from adapters.embedded.probes import http_answers
from adapters.embedded.stack import Stack
from adapters.identity.issuer import EmbeddedIssuer
from tests.chaos.conftest import eventually, free_port, running
from tests.conftest import House
from tests.integration.test_setting_levels import BOUND, WRITES, Log

WHY = "because of the test"
PATH = "/api/v1/settings/limit"


@pytest_asyncio.fixture
async def apis(
    surroundings: dict[str, str], stack: Stack, issuer: EmbeddedIssuer, neighbourhood: House, tmp_path: Path
) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """A client of each, in the name of one who may write."""
    env = {**surroundings, "CHANGEGATE_VALKEY_URL": stack.endpoints.valkey_url or ""}
    headers = {"Authorization": f"Bearer {issuer.mint('ada', timedelta(hours=1))}",
               "Changegate-Tenant": neighbourhood.tenant.slug}  # fmt: skip
    async with AsyncExitStack() as open_now:
        clients = []
        for name in ("one", "other"):
            port = free_port()
            command = ("-m", "uvicorn", "bootstrap:api", "--factory", "--port", str(port), "--no-access-log")
            await open_now.enter_async_context(running(*command, env=env, log=tmp_path / f"{name}.log"))
            await eventually(partial(http_answers, port, "/readyz"))
            base = f"http://127.0.0.1:{port}"
            client = httpx2.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=30)
            clients.append(await open_now.enter_async_context(client))
        yield clients


async def value(client: httpx2.AsyncClient) -> Any:
    answer = await client.get(f"{PATH}/effective", params={"environment": "dev"})
    assert answer.status_code == httpx2.codes.OK, answer.text
    return answer.json()["value"]


@pytest.mark.req("FR-CFG-009", "ST84")
async def test_nothing_old_is_read_where_it_was_written_and_elsewhere_for_a_second_at_most(
    apis: list[httpx2.AsyncClient],
) -> None:
    one, other = apis
    definition = {"key": "limit", "type": "integer", "default": 0, "scopes": ["tenant"]}
    made = await one.post("/api/v1/setting-definitions", json={"definition": definition, "reason": WHY})
    assert made.status_code == httpx2.codes.CREATED, made.text
    log = Log()
    readers = [asyncio.create_task(log.watch("own", partial(value, one), 0)),
               asyncio.create_task(log.watch("other", partial(value, other), BOUND))]  # fmt: skip
    for number in range(WRITES):
        wish = {"value": number + 1, "reason": WHY}
        match = {"If-Match": f'"v{number}"'}
        answer = await one.put(PATH, params={"environment": "dev"}, json=wish, headers=match)
        assert answer.status_code == httpx2.codes.OK, answer.text
        log.acknowledged.append(time.monotonic())
    await asyncio.sleep(BOUND)
    assert [await value(each) for each in apis] == [WRITES, WRITES]
    for reader in readers:
        reader.cancel()
    ended = await asyncio.gather(*readers, return_exceptions=True)
    assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
    assert (log.stale, log.reads > WRITES) == ([], True)
