import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from api.streaming import EventStream
from domain.errors import Unavailable


class Line:
    """What a server does with an answer; `slow` makes it a client that does not read."""

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.left = asyncio.Event()
        self.closed = 0

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.slow and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.sent.append(message)

    async def close(self) -> None:
        self.closed += 1

    @property
    def whole(self) -> bool:
        return self.sent[-1].get("more_body") is False

    async def stream(self, blocks: AsyncGenerator[bytes, None], **bounds: float) -> None:
        async with asyncio.timeout(60):
            await EventStream(blocks, self.left, self.close, **bounds)({}, self.receive, self.send)


async def endless() -> AsyncGenerator[bytes, None]:
    yield b": first\n\n"
    await asyncio.Event().wait()


async def flood() -> AsyncGenerator[bytes, None]:
    while True:
        yield b": more\n\n"


class TestEventStream:
    async def test_is_never_kept_by_anybody_on_its_way(self) -> None:
        line = Line()
        await line.stream(endless(), life=0.05)
        headers = dict(line.sent[0]["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
        assert headers[b"cache-control"] == b"no-store"
        assert b"content-length" not in headers

    async def test_ends_whole_when_it_is_old(self) -> None:
        line = Line()
        await line.stream(endless(), life=0.05)
        assert [each.get("body") for each in line.sent[1:]] == [b": first\n\n", b""]
        assert (line.whole, line.closed) == (True, 1)

    async def test_ends_whole_when_the_server_leaves(self) -> None:
        line = Line()
        asyncio.get_running_loop().call_later(0.05, line.left.set)
        await line.stream(endless())
        assert (line.whole, line.closed) == (True, 1)

    async def test_ends_when_its_client_goes(self) -> None:
        line = Line()
        asyncio.get_running_loop().call_later(0.05, line.gone.set)
        await line.stream(endless())
        assert line.closed == 1

    async def test_ends_in_the_middle_of_a_flood(self) -> None:
        line = Line()
        await line.stream(flood(), life=0.05)
        assert line.whole

    async def test_is_cut_where_nobody_reads(self) -> None:
        line = Line(slow=True)
        await line.stream(flood(), patience=0.05)
        assert [each["type"] for each in line.sent] == ["http.response.start"]
        assert line.closed == 1

    async def test_ends_whole_when_what_it_tells_is_away(self) -> None:
        async def failing() -> AsyncGenerator[bytes, None]:
            yield b": first\n\n"
            raise Unavailable

        line = Line()
        await line.stream(failing())
        assert (line.whole, line.closed) == (True, 1)
