"""What changes is told to those who watch, by long poll or as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from api.auth import Acting, actor_of
from api.instances import Instance, Said, noted
from api.intake import Checked
from api.paging import decoded, encoded
from api.schemas.events import EventOut, WatchOut
from api.services import Services, Use
from api.streaming import EventStream, leaving, unless_left
from application.events.watching import Scene, Seen
from domain.environments import Environment
from domain.people import Actor

STREAM = "text/event-stream"
BEAT_SECONDS = 15.0
_LIST = "watch"

router = APIRouter(prefix="/api/v1/watch", tags=["events"], route_class=Checked)


@dataclass(frozen=True)
class Watch:
    """What is watched, and behind which position; None begins at the present one."""

    scene: Scene
    position: int | None
    instance: Said | None = None


def _watch(
    instance: Instance,
    environment: Annotated[Environment | None, Query(description="Of which; without it, of all.")] = None,
    prefix: Annotated[str, Query(max_length=200, description="What keys begin with.")] = "",
    cursor: Annotated[str | None, Query(max_length=400, description="`cursor` of the answer before.")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=400)] = None,
) -> Watch:
    """A stream that was interrupted goes on where it ended, whatever it began with."""
    (position,) = decoded(_LIST, last_event_id or cursor, _position) or (None,)
    return Watch(Scene(environment, prefix), position, instance)


@router.get(
    "", summary="Watch for changes", response_model=WatchOut,
    responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def watch(
    request: Request, actor: Acting, use: Use, asked: Annotated[Watch, Depends(_watch)],
    wait: Annotated[int, Query(ge=0, le=55, description="Seconds to wait for a change.")] = 30,
) -> Any:  # fmt: skip
    """Without a cursor the answer is the present one, at once. `Accept: text/event-stream` asks for a stream."""
    _seen(use, actor, asked)
    if STREAM in request.headers.get("accept", ""):
        return await _streamed(request, actor, use, asked)
    if asked.position is None:
        return _told(Seen(await use.events.watching.present(actor)))
    news = use.events.watching.wait(actor, asked.scene, asked.position, wait)
    seen = await unless_left(request, news, Seen(asked.position))
    await _known(request)
    return _told(seen)


async def _streamed(request: Request, actor: Actor, use: Services, asked: Watch) -> Response:
    watching = use.events.watching
    stack = AsyncExitStack()
    tail = await stack.enter_async_context(watching.seated(actor))
    position = tail.position if asked.position is None else asked.position

    async def blocks() -> AsyncGenerator[bytes, None]:
        yield f"retry: 1000\nid: {_cursor(position)}\n\n".encode()
        reader, seen = actor, Seen(position)
        while True:
            seen = await watching.next(reader, asked.scene, tail, seen.position, BEAT_SECONDS)
            reader = await _known(request)
            _seen(use, reader, asked, again=True)
            yield b"".join(_blocks(seen))

    return EventStream(blocks(), leaving(request), stack.aclose)


def _seen(use: Services, actor: Actor, asked: Watch, *, again: bool = False) -> None:
    """Who watches one environment is there; what it held when its stream began may be old by now."""
    if asked.instance is not None and asked.scene.environment is not None:
        said = asked.instance._replace(holds=None) if again else asked.instance
        noted(use.sightings, said, actor.tenant, asked.scene.environment)


async def _known(request: Request) -> Actor:
    """Who asked, as of now: a token may have ended since, and a role may have been taken away."""
    request.state.actor = None
    return await actor_of(request)


def _blocks(seen: Seen) -> list[bytes]:
    end = _cursor(seen.position)
    if seen.resync:
        return [_block(end, "resync", {"cursor": end})]
    told = [_block(_cursor(each.position or 0), each.type.value, each.to_json()) for each in seen.events]
    return told or [f": {BEAT_SECONDS:.0f} s\nid: {end}\n\n".encode()]


def _block(cursor: str, event: str, told: Any) -> bytes:
    return f"id: {cursor}\nevent: {event}\ndata: ".encode() + orjson.dumps(told) + b"\n\n"


def _told(seen: Seen) -> WatchOut:
    return WatchOut(
        cursor=_cursor(seen.position), resync=seen.resync, events=[EventOut.of(each) for each in seen.events]
    )


def _cursor(position: int) -> str:
    return encoded(_LIST, position)


def _position(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise ValueError("a position is a whole number")
    return value
