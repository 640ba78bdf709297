"""There are two authorities, ours and one that we do not trust, and a Valkey that may be killed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.authority import Authority
from tests.integration.valkey import Server


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "strangers")


@pytest_asyncio.fixture
async def server(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Server]:
    server = Server(tmp_path, unused_tcp_port)
    await server.start()
    yield server
    await server.kill()
