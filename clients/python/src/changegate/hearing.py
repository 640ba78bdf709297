"""Word of changes comes by long poll, which every proxy lets through, or as server-sent events."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from changegate import calls
from changegate.calls import News
from changegate.errors import Unreachable
from changegate.transport import AsyncTransport

WAIT: Final = 30
AGAIN: Final = 1.0
"""Seconds before a stream that the server has ended is opened again."""


@dataclass(frozen=True)
class Scene:
    """What is looked at: keys with this prefix, as they are in force at this scope."""

    environment: str
    scope: str = ""
    prefix: str = ""


async def heard(
    transport: AsyncTransport, scene: Scene, cursor: str, *, stream: bool, said: Callable[[], Mapping[str, str]] = dict
) -> AsyncGenerator[News, None]:
    """From the cursor on, for ever; Refused or Unreachable. `said` is asked anew each time."""
    while True:
        if not stream:
            news = await transport.ask(calls.watch(scene.environment, scene.prefix, cursor, WAIT, said()))
            cursor = news.cursor
            yield news
            continue
        call = calls.stream(scene.environment, scene.prefix, cursor, said())
        async with transport.lines(call) as lines:
            async for news in told(lines, cursor):
                cursor = news.cursor
                yield news
        await asyncio.sleep(AGAIN)


async def told(lines: AsyncIterator[str], cursor: str) -> AsyncIterator[News]:
    """The events of a stream (HTML Living Standard, section 9.2); one without content only moves the cursor."""
    said: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name in {"id", "event", "data"}:
                said[name] = f"{said[name]}\n{value}" if name == "data" and name in said else value
            continue
        cursor = said.get("id", cursor)
        if said.get("event") == "resync":
            yield News(cursor, None)
        elif "data" in said:
            yield calls.heard(News(cursor), cursor, _json(said["data"]))
        elif said:
            yield News(cursor)
        said = {}


def _json(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreachable("what answered there is not this API: an event is no JSON object")
    return found
