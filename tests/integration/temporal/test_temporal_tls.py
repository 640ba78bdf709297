"""Before the real Temporal stands a front that speaks TLS: both sides prove who they are, or nothing is said."""

import asyncio
import ipaddress
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.settings import Settings
from adapters.temporal.client import RETENTION, TemporalUnavailable, connect, prepare, when_asked
from adapters.temporal.line import Line
from adapters.temporal.processes import TemporalProcesses
from tests.authority import Authority, Identity
from tests.integration.temporal.front import Front, front

API_KEY = "an-api-key-that-nobody-sees"
ROOT = Path(__file__).parents[3]
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
HANDSHAKE = b"\x16\x03"
"""How every TLS connection begins (RFC 8446, 5.1)."""


@pytest.fixture(scope="module")
def server(ours: Authority) -> Identity:
    return ours.identity("localhost", LOOPBACK)


@pytest.fixture
async def open_front(stack: Stack, server: Identity) -> AsyncIterator[Front]:
    """Whoever calls is let in."""
    async with front(stack.endpoints.temporal_address, server) as opened:
        yield opened


@pytest.fixture
async def guarded_front(stack: Stack, server: Identity, ours: Authority) -> AsyncIterator[Front]:
    """Only whom our authority signed is let in."""
    async with front(stack.endpoints.temporal_address, server, clients_of=ours.certificate) as opened:
        yield opened


def line_to(port: int, host: str = "127.0.0.1", **chosen: Any) -> Line:
    given = {f"temporal_{name}": value for name, value in chosen.items()}
    nowhere = SecretStr("postgresql://nobody@127.0.0.1/none")
    return Line.of(Settings(database_url=nowhere, temporal_address=f"{host}:{port}", **given))


def shown_by(identity: Identity) -> dict[str, Any]:
    return {"client_cert": identity.certificate, "client_key": identity.key}


async def served(client: Client) -> bool:
    """Real calls, which write and read: the namespace keeps histories as long as we ask it to."""
    await prepare(client)
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return described.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION


async def refused(line: Line) -> str:
    """The sentence that a person reads holds no reason; the one that the worker logs does, and neither a secret."""
    with pytest.raises(TemporalUnavailable) as unavailable:
        await TemporalProcesses(when_asked(line)).ping()
    assert str(unavailable.value) == "Temporal does not answer; try again in a moment."
    with pytest.raises(RuntimeError) as logged:
        await connect(line)
    reason = str(logged.value)
    assert API_KEY not in reason
    assert "PRIVATE KEY" not in reason
    return reason


class TestServer:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_one_that_our_authority_signed_is_spoken_to(
        self, open_front: Front, ours: Authority, host: str
    ) -> None:
        assert await served(await connect(line_to(open_front.port, host, server_ca=ours.certificate)))
        assert open_front.heard

    async def test_it_is_reached_by_the_client_that_connects_when_it_is_asked(
        self, open_front: Front, ours: Authority
    ) -> None:
        line = line_to(open_front.port, server_ca=ours.certificate, api_key=API_KEY)
        await TemporalProcesses(when_asked(line)).ping()
        assert open_front.heard

    async def test_one_that_another_authority_signed_is_told_nothing(
        self, open_front: Front, strangers: Authority
    ) -> None:
        line = line_to(open_front.port, server_ca=strangers.certificate, api_key=API_KEY)
        assert "UnknownIssuer" in await refused(line)
        assert not open_front.heard

    async def test_one_that_no_authority_of_the_system_signed_is_told_nothing(self, open_front: Front) -> None:
        assert "UnknownIssuer" in await refused(line_to(open_front.port, tls=True, api_key=API_KEY))
        assert not open_front.heard

    async def test_one_that_has_another_name_is_told_nothing(self, stack: Stack, ours: Authority) -> None:
        other = ours.identity("temporal.example.com")
        async with front(stack.endpoints.temporal_address, other) as elsewhere:
            line = line_to(elsewhere.port, server_ca=ours.certificate, api_key=API_KEY)
            assert "NotValidForName" in await refused(line)
            assert not elsewhere.heard

    async def test_one_that_speaks_no_tls_is_not_spoken_to_without(self, stack: Stack, ours: Authority) -> None:
        port = int(stack.endpoints.temporal_address.rpartition(":")[2])
        assert "InvalidContentType" in await refused(line_to(port, server_ca=ours.certificate, api_key=API_KEY))


class TestClient:
    async def test_one_that_shows_its_certificate_is_let_in(self, guarded_front: Front, ours: Authority) -> None:
        shown = shown_by(ours.identity("changegate"))
        line = line_to(guarded_front.port, server_ca=ours.certificate, **shown)
        assert await served(await connect(line))
        await TemporalProcesses(when_asked(line)).ping()

    async def test_one_that_shows_none_is_refused(self, guarded_front: Front, ours: Authority) -> None:
        await refused(line_to(guarded_front.port, server_ca=ours.certificate, api_key=API_KEY))
        assert not guarded_front.heard

    async def test_one_that_a_stranger_signed_is_refused(
        self, guarded_front: Front, ours: Authority, strangers: Authority
    ) -> None:
        shown = shown_by(strangers.identity("changegate"))
        await refused(line_to(guarded_front.port, server_ca=ours.certificate, api_key=API_KEY, **shown))
        assert not guarded_front.heard


class TestApiKey:
    @pytest.mark.parametrize("tls", [True, False])
    async def test_is_kept_from_a_listener_that_has_not_shaken_hands(self, tls: bool) -> None:  # noqa: FBT001 - a case
        heard = bytearray()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(65536))
            writer.close()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as listening:
            await refused(line_to(listening.sockets[0].getsockname()[1], tls=tls, api_key=API_KEY))
        assert heard.startswith(HANDSHAKE)


class TestStart:
    @pytest.mark.parametrize("process", [("worker.py",), ("-m", "uvicorn", "bootstrap:api", "--factory")])
    def test_without_its_certificate_it_says_which_setting_names_it(
        self, process: tuple[str, ...], tmp_path: Path, server: Identity
    ) -> None:
        """A sentence for whoever starts it, and no traceback."""
        absent = tmp_path / "absent.crt"
        environment = {
            "CHANGEGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
            "CHANGEGATE_TEMPORAL_CLIENT_CERT": str(absent),
            "CHANGEGATE_TEMPORAL_CLIENT_KEY": str(server.key),
            "CHANGEGATE_TEMPORAL_API_KEY": API_KEY,
        }
        ended = subprocess.run(
            [sys.executable, *process],
            cwd=ROOT,
            env=os.environ | environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        sentence = f"CHANGEGATE_TEMPORAL_CLIENT_CERT names {absent}, which cannot be read: No such file or directory."
        assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (1, "", sentence)
