"""A stream that breaks is taken up behind its last event; one that is refused is not asked for again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx2
import pytest

from cli import deploy_events
from cli.caller import ApiRefusal, Caller
from cli.deploy_events import followed

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%b"
BEGUN = b'retry: 1000\nid: m0\n\nid: m1\nevent: transition\ndata: {"to_state": "RUNNING"}\n\n: 15 s\n\n'
ENDED = (
    b'id: m2\nevent: transition\ndata: {"to_state": "SUCCEEDED"}\n\n'
    b'id: m2\nevent: end\ndata: {"state": "SUCCEEDED"}\n\n'
)


class Api:
    """Gives each connection the next of its answers, and then hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.tokens: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.asked.append(next((line for line in head.splitlines() if line.startswith("last-event-id")), ""))
        self.tokens += [line.split()[-1] for line in head.splitlines() if line.startswith("authorization")]
        writer.write(self.answers.pop(0) if self.answers else b"")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def calling(api: Api) -> AsyncIterator[Caller]:
    server, tokens = await asyncio.start_server(api, "127.0.0.1", 0), count(1)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Caller(address, lambda: f"token-{next(tokens)}") as me:
        yield me


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy_events, "_PAUSE_SECONDS", 0.0)


class TestFollowing:
    async def test_goes_on_behind_the_last_event_and_says_that_nobody_answered(self) -> None:
        api = Api(STREAM + BEGUN, b"", STREAM + ENDED)
        async with calling(api) as me:
            told = [word.event async for word in followed(me, "x")]
        assert told == ["transition", "away", "transition", "end"]
        assert api.asked == ["", "last-event-id: m1", "last-event-id: m1"]

    async def test_goes_on_when_the_token_that_it_began_with_has_ended(self) -> None:
        api = Api(STREAM + BEGUN, STREAM + ENDED)
        async with calling(api) as me:
            assert [word.event async for word in followed(me, "x")] == ["transition", "transition", "end"]
        assert api.tokens == ["token-1", "token-2"]

    async def test_a_refusal_is_told_at_once(self) -> None:
        problem = b'{"status": 404, "title": "No such thing in this tenant."}'
        async with calling(Api(REFUSED % (len(problem), problem))) as me:
            with pytest.raises(ApiRefusal, match="No such thing"):
                [word async for word in followed(me, "x")]

    async def test_somebody_who_never_answers_is_given_up(self) -> None:
        api = Api()
        async with calling(api) as me:
            with pytest.raises(httpx2.TransportError):
                [word async for word in followed(me, "x")]
        assert len(api.asked) == deploy_events.TRIES
