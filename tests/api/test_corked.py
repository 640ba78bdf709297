import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn

from api.corked import Corked, Protocol

CHUNK, CHUNKS = b"x" * 50_000, 100


class Socket:
    """Remembers what a transport was asked to write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.fixture
async def corked() -> tuple[Any, Socket]:
    below = Socket()
    return Corked(below, asyncio.get_running_loop()), below  # type: ignore[arg-type]  # a transport by what it does


class TestCorked:
    async def test_what_one_turn_wrote_leaves_in_one_write(self, corked: tuple[Any, Socket]) -> None:
        transport, below = corked
        transport.write(b"head ")
        transport.write(b"body")
        assert below.written == []
        await asyncio.sleep(0)
        transport.write(b"next")
        await asyncio.sleep(0)
        assert below.written == [b"head body", b"next"]

    async def test_much_is_not_held_back(self, corked: tuple[Any, Socket]) -> None:
        transport, below = corked
        for _ in range(4):
            transport.write(CHUNK)
        assert [len(each) for each in below.written] == [100_000, 100_000]

    async def test_closing_comes_after_the_last_word(self, corked: tuple[Any, Socket]) -> None:
        transport, below = corked
        transport.write(b"bye")
        transport.close()
        await asyncio.sleep(0)
        assert (below.written, below.closed) == ([b"bye"], True)

    async def test_nothing_is_written_to_who_has_left(self, corked: tuple[Any, Socket]) -> None:
        transport, below = corked
        transport.write(b"lost")
        below.closed = True
        await asyncio.sleep(0)
        assert below.written == []


async def told(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A stream of chunks under /stream, and the path elsewhere."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/stream":
        for _ in range(CHUNKS):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest_asyncio.fixture(scope="module")
async def port(eventually: Any) -> AsyncIterator[int]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(told, log_level="critical", lifespan="off", http=Protocol))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await eventually(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    await task
    listening.close()


class TestProtocol:
    async def test_a_connection_serves_many_requests(self, port: int) -> None:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            assert [(await http.get(f"/{number}")).text for number in range(20)] == [f"/{n}" for n in range(20)]

    async def test_a_long_stream_arrives_whole(self, port: int) -> None:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            answer = await http.get("/stream")
        assert answer.content == CHUNK * CHUNKS

    async def test_requests_in_one_packet_are_answered_in_order(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(5)))
        heard = b""
        while heard.count(b"HTTP/1.1 200") < 5 or not heard.endswith(b"/4\r\n0\r\n\r\n"):
            heard += await asyncio.wait_for(reader.read(65536), 60)
        places = [heard.index(b"/%d\r\n" % number) for number in range(5)]
        assert places == sorted(places)
        writer.close()

    async def test_who_asks_to_close_gets_the_answer_first(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        heard = await asyncio.wait_for(reader.read(), 60)
        assert heard.startswith(b"HTTP/1.1 200")
        assert b"/last" in heard
        writer.close()

    async def test_what_is_no_http_is_answered_and_closed(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"nonsense\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 400")
        writer.close()
