"""A worker waits for a Temporal that is not there yet, and for no right that it was denied."""

import asyncio
import ipaddress
import secrets
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import worker
from adapters.embedded.stack import Stack
from adapters.settings import Settings
from adapters.temporal.client import connect
from tests.authority import Authority
from tests.integration.temporal.front import front

API_KEY = "an-api-key-that-nobody-sees"
PREFACE = 24
FRAME = 9
HEADERS, SETTINGS = 1, 4
ACK, END_OF_BOTH = 1, 5
"""HTTP/2 in RFC 9113: the client's preface, the head of a frame, its types and flags."""


def settings(stack: Stack, namespace: str = "default") -> Settings:
    chosen: dict[str, Any] = {"temporal_address": stack.endpoints.temporal_address, "temporal_namespace": namespace}
    return Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1/none"), **chosen)


def framed(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body


def header(name: bytes, value: bytes) -> bytes:
    """A literal that is not indexed (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


class Doorkeeper:
    """Answers every call as a hosted Temporal answers an API key that it does not know; `refused` counts them."""

    def __init__(self) -> None:
        self.refused = 0
        self.message = b"Request unauthorized"
        self._asked = asyncio.Condition()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(framed(SETTINGS, 0, 0, b""))
            await reader.readexactly(PREFACE)
            while True:
                head = await reader.readexactly(FRAME)
                await reader.readexactly(int.from_bytes(head[:3]))
                if (head[3], head[4] & ACK) == (SETTINGS, 0):
                    writer.write(framed(SETTINGS, ACK, 0, b""))
                if head[3] == HEADERS:
                    async with self._asked:
                        self.refused += 1
                        self._asked.notify_all()
                    writer.write(framed(HEADERS, END_OF_BOTH, int.from_bytes(head[5:]), self._refusal()))
                await writer.drain()
        writer.close()

    def _refusal(self) -> bytes:
        status = b"\x88" + header(b"content-type", b"application/grpc") + header(b"date", b"at %d" % self.refused)
        return status + header(b"grpc-status", b"16") + header(b"grpc-message", self.message)

    async def has_refused(self, more: int) -> None:
        enough = self.refused + more
        async with self._asked:
            await self._asked.wait_for(lambda: self.refused >= enough)


class TestCauses:
    def test_one_that_stays_is_told_once_a_minute(self) -> None:
        causes = worker.Causes(count(step=20).__next__)
        assert [causes.tells("no") for _ in range(7)] == [True, False, False, True, False, False, True]

    def test_one_that_is_new_is_told_at_once(self) -> None:
        causes = worker.Causes(count().__next__)
        assert [causes.tells(cause) for cause in "aabba"] == [True, False, True, False, True]


class TestReach:
    async def test_a_key_that_is_refused_is_told_once_until_the_reason_changes(self, tmp_path: Path) -> None:
        doorkeeper, ours = Doorkeeper(), Authority(tmp_path, "ours")
        identity = ours.identity("localhost", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        async with await asyncio.start_server(doorkeeper.answer, "127.0.0.1", 0) as server:
            behind = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with front(behind, identity) as door:
                chosen: dict[str, Any] = {"temporal_server_ca": ours.certificate, "temporal_api_key": API_KEY}
                given = Settings(
                    database_url=SecretStr("postgresql://nobody@127.0.0.1/none"),
                    temporal_address=f"127.0.0.1:{door.port}",
                    **chosen,
                )
                with structlog.testing.capture_logs() as logs:
                    reaching = asyncio.create_task(worker.reach(given))
                    await doorkeeper.has_refused(3)
                    doorkeeper.message = b"Key expired"
                    await doorkeeper.has_refused(2)
                    reaching.cancel()
                    await asyncio.gather(reaching, return_exceptions=True)
        told = [entry["error"] for entry in logs if entry["event"] == "temporal.not_yet"]
        assert ["Request unauthorized" in each for each in told] == [True, False]
        assert ["Key expired" in each for each in told] == [False, True]
        assert all("Unauthenticated" in each for each in told)
        assert API_KEY not in str(logs)

    async def test_a_namespace_may_be_made_after_the_worker_was_started(self, stack: Stack) -> None:
        namespace = f"late-{secrets.token_hex(4)}"
        with structlog.testing.capture_logs() as logs:
            reaching = asyncio.create_task(worker.reach(settings(stack, namespace)))
            while not logs and not reaching.done():
                await asyncio.wait({reaching}, timeout=0.02)
        assert logs[0]["event"] == "temporal.not_yet"
        assert namespace in logs[0]["error"]
        retention = Duration()
        retention.FromTimedelta(timedelta(days=1))
        await (await connect(stack.endpoints.temporal_address)).workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
        )
        assert (await reaching).namespace == namespace

    @pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED])
    async def test_a_login_that_may_not_prepare_it_ends_with_a_sentence(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
    ) -> None:
        """The embedded Temporal lets everybody do everything, so that what an authorizer answers is made here."""

        async def denied(_client: Client) -> None:
            raise RPCError("Request unauthorized", status, b"")

        monkeypatch.setattr(worker, "prepare", denied)
        with pytest.raises(SystemExit) as ended:
            await worker.reach(settings(stack))
        where = f"the namespace default at {stack.endpoints.temporal_address}"
        assert ended.value.code == f"Temporal does not let this login prepare {where}: Request unauthorized."
