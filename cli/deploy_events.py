"""A deployment is followed to its end, over as many connections as it takes; nothing is told twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from cli.caller import ApiRefusal, Caller

TRIES: Final = 30
"""Times in a row that the API may not answer before it is given up."""
_PAUSE_SECONDS: Final = 1.0
_AWAY: Final = {502, 503, 504}


@dataclass(frozen=True)
class Word:
    """`event` is transition, check, convergence, end, or `away` while the API does not answer."""

    event: str
    content: dict[str, Any]


async def followed(reader: Caller, deployment: str) -> AsyncIterator[Word]:
    """Until the end; ApiRefusal, or httpx2.TransportError when the API stays away."""
    last, failures = "", 0
    while True:
        try:
            headers = {"Last-Event-ID": last} if last else {}
            async with reader.lines(f"/deployments/{deployment}/events", **headers) as lines:
                async for mark, word in _blocks(lines):
                    last, failures = mark or last, 0
                    if word is not None:
                        yield word
                    if word is not None and word.event == "end":
                        return
        except (httpx2.TransportError, ApiRefusal) as error:
            failures += 1
            if failures >= TRIES or (isinstance(error, ApiRefusal) and error.problem.get("status") not in _AWAY):
                raise
            yield Word("away", {"why": str(error) or type(error).__name__})
        await asyncio.sleep(_PAUSE_SECONDS)


async def _blocks(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Word | None]]:
    """The blocks of server-sent events (HTML, section 9.2)."""
    said: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            said[name] = value.removeprefix(" ")
            continue
        word = Word(said["event"], json.loads(said["data"])) if "event" in said and "data" in said else None
        yield said.get("id", ""), word
        said = {}
