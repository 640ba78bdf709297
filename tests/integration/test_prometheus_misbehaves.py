"""Whatever a server answers in place of Prometheus is an error of the provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx2
import pytest

from adapters.metrics.asking import LARGEST_ANSWER
from adapters.metrics.conversation import TRIES
from adapters.metrics.prometheus import PrometheusSource
from domain.errors import Unavailable
from domain.gates import ProviderError, Reading
from tests.integration.prometheus import at_once, free_port, query


@asynccontextmanager
async def misbehaving(answer: Callable[[], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A loopback server that answers every request with the same bytes, and the requests it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        writer.write(answer())
        try:
            await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = b'{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1767225600"]}}'


class TestMisbehavingProvider:
    @pytest.mark.req("S49")
    @pytest.mark.parametrize(
        ("answer", "reason", "tries"),
        [
            (http(500), "http_500", TRIES),
            (http(429), "http_429", TRIES),
            (http(404), "http_404", 1),
            (http(302, b"", "Location: http://127.0.0.1:1/"), "http_302", 1),
            (http(200, b"<html>"), "malformed_answer", 1),
            (http(200, b"[" * 200_000), "malformed_answer", 1),
            (http(200, b'{"status":"success","data":null}'), "malformed_answer", 1),
            (http(200, b" " * (LARGEST_ANSWER + 1)), "answer_too_large", 1),
            (b"", "timeout", TRIES),
            (b"not http\r\n\r\n", "unreachable", TRIES),
        ],
        ids=["500", "429", "404", "redirect", "html", "deep", "null", "large", "silent", "not-http"],
    )
    async def test_is_a_provider_error(self, answer: bytes, reason: str, tries: int) -> None:
        async with misbehaving(lambda: answer) as (url, seen):
            source = PrometheusSource(
                url, lambda: httpx2.AsyncClient(timeout=0.2, follow_redirects=False, trust_env=False), at_once
            )
            assert await source.read(query(), NOW) == ProviderError(reason)
            assert len(seen) == tries

    @pytest.mark.req("S49", "S50")
    async def test_nobody_listening(self) -> None:
        source = PrometheusSource(f"http://127.0.0.1:{free_port()}", pause=at_once)
        assert await source.read(query(), NOW) == ProviderError("unreachable")
        with pytest.raises(Unavailable):
            await source.probe(query())

    async def test_a_proxy_of_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        async with misbehaving(lambda: http(200, ANSWER)) as (url, seen):
            reading = await PrometheusSource(url, pause=at_once).read(query(buckets=None), NOW)
        assert isinstance(reading, Reading)
        assert reading.at == NOW
        assert seen[0].startswith(b"POST /api/v1/query ")
