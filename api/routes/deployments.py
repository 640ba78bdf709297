"""A rollout is a deployment by its documented name: the same routes, its parts, and a stream of what happens to it."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from api.auth import Acting, actor_of
from api.idempotency import Once
from api.intake import Checked
from api.paging import Cursor, Limit, cut, decoded, encoded
from api.routes import rollouts
from api.routes.watch import BEAT_SECONDS, STREAM
from api.schemas.deployments import ConvergenceOut, DurationsOut, EndOut, PartPage, told
from api.services import Use
from api.streaming import LIFE_SECONDS, EventStream, leaving
from application.deployments.following import Followed, Mark, Told
from domain.people import Actor

PREFIX: Final = "/api/v1/deployments"

router = APIRouter(prefix=PREFIX, tags=["deployments"], route_class=Once)
previews = APIRouter(prefix=PREFIX, tags=["deployments"], route_class=Checked)
watching = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["deployments"], route_class=Checked)

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=400, description="`id` of the last event that was read.")
]


def _same(route: APIRoute, under: APIRouter) -> None:
    under.add_api_route(
        route.path.removeprefix(rollouts.router.prefix), route.endpoint, methods=sorted(route.methods or ()),
        status_code=route.status_code, summary=(route.summary or "").replace("rollout", "deployment"),
        dependencies=route.dependencies, response_model=route.response_model, responses=route.responses,
    )  # fmt: skip


for _older, _newer in ((rollouts.router, router), (rollouts.previews, previews)):
    for _route in _older.routes:
        if isinstance(_route, APIRoute):
            _same(_route, _newer)


@watching.get("/parts", summary="List what a deployment does to each target of each tenant")
async def parts(
    id: UUID, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50  # noqa: A002 -- the wire's name
) -> PartPage:  # fmt: skip
    (after,) = decoded(f"parts:{id}", cursor, _ordinal) or (-1,)
    rows = await use.deployments.parts(actor, id, after, limit + 1)
    return PartPage.of(cut(rows, limit, lambda part: encoded(f"parts:{id}", part.ordinal)))


@watching.get("/convergence", summary="Read how many live instances hold what a deployment exposed")
async def converged(id: UUID, actor: Acting, use: Use) -> ConvergenceOut:  # noqa: A002 -- the wire's name
    """Live are those that were seen in the last five minutes."""
    return ConvergenceOut.of(*await use.deployments.convergence(actor, id))


@watching.get("/durations", summary="Read how long a deployment took by itself, waited for people, and saw nothing")
async def durations(id: UUID, actor: Acting, use: Use) -> DurationsOut:  # noqa: A002 -- the wire's name
    return DurationsOut.of(await use.deployments.spans(actor, id))


@watching.get(
    "/events", summary="Follow a deployment", response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events: transition, check, convergence, end.",
                     "content": {STREAM: {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def events(
    request: Request, id: UUID, actor: Acting, use: Use, last_event_id: LastEventId = None,  # noqa: A002 -- the wire's name
    seconds: Annotated[int, Query(ge=0, le=int(LIFE_SECONDS), description="For how long at most.")] = int(LIFE_SECONDS),
) -> Response:  # fmt: skip
    """From its beginning, or behind `Last-Event-ID`. It ends after the deployment has."""
    begun = decoded(f"deployment:{id}", last_event_id, _number, _number) or (0, 0)
    stack = AsyncExitStack()
    followed = await stack.enter_async_context(use.following.seated(actor, id))
    last = Told(Mark(*begun), followed.rollout)
    return EventStream(_blocks(request, use, actor, followed, last), leaving(request), stack.aclose, life=seconds)


async def _blocks(
    request: Request, use: Use, reader: Actor, followed: Followed, last: Told
) -> AsyncGenerator[bytes, None]:  # fmt: skip
    yield f"retry: 1000\nid: {_cursor(followed, last.mark)}\n\n".encode()
    while not last.ended:
        seen = await use.following.next(reader, followed, last, BEAT_SECONDS)
        request.state.actor = None  # a token may have ended since, and a role may have been taken away
        reader = await actor_of(request)
        yield b"".join(_block(_cursor(followed, mark), *told(word, seen.rollout)) for mark, word in seen.words) or (
            f": {BEAT_SECONDS:.0f} s\n\n".encode()
        )
        if seen.convergence is not None and seen.convergence != last.convergence:
            shown = ConvergenceOut.of(seen.convergence, seen.rollout).model_dump()
            yield _block(_cursor(followed, seen.mark), "convergence", shown)
        last = seen
    yield _block(_cursor(followed, last.mark), "end", EndOut.of(last.rollout).model_dump(mode="json"))


def _block(cursor: str, event: str, content: Any) -> bytes:
    return f"id: {cursor}\nevent: {event}\ndata: ".encode() + orjson.dumps(content) + b"\n\n"


def _cursor(followed: Followed, mark: Mark) -> str:
    return encoded(f"deployment:{followed.rollout.id}", mark.moves, mark.checks)


def _ordinal(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError("an ordinal is a whole number")
    return value


_number = _ordinal
