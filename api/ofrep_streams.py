"""OFREP's event streams tell clients to ask again; the address of one is a secret, and stands in no log."""

import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.callers import Headers
from api.denials import write_down
from api.instances import NAME, Said, noted, said_in
from api.meters import Evaluations
from api.ofrep_answers import BROKEN, METHOD, Answer, Refused, refusal_answer, told
from api.streaming import LIFE_SECONDS, EventStream, leaving
from application.flag_streams import FlagStreams, Stream, Ticket
from application.instances.sightings import Sightings
from application.ports.store import Store
from domain.errors import Refusal
from domain.people import PermissionMissing

PATH: Final = "/ofrep/v1/streams/flags"
BEAT_SECONDS: Final = 15.0
_PLACE: Final = f"GET {PATH}"
_INACTIVITY_SECONDS: Final = 120
_UNKNOWN: Final = -1
_NAME: Final = NAME.lower().encode()
_NAMED = re.compile(r'(?:W/)?"?([0-9]{1,18})(?:-[0-9a-f]+)?"?')
_BEAT = f": {BEAT_SECONDS:.0f} s\n\n".encode()
_NO_METHOD = told(METHOD, {"errorDetails": "GET only"}, {"Allow": "GET"})
_FAILED = told(BROKEN, {"errorDetails": "something failed here; the failure has been logged"})

log = structlog.get_logger()


def revision_in(tag: str) -> int | None:
    """The revision of the flags that a tag of ours names, of an answer or of an event."""
    named = _NAMED.fullmatch(tag)
    return int(named[1]) if named is not None else None


class OfrepStreams:
    def __init__(self, streams: FlagStreams, store: Store, counts: Evaluations, sightings: Sightings) -> None:
        self._streams = streams
        self._store = store
        self._counts = counts
        self.sightings = sightings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer: Answer | EventStream = await self._answer(scope)
        except Refused as refused:
            answer = refused.answer
        except Refusal as refusal:
            answer = refusal_answer(refusal)
        except Exception:
            log.exception("ofrep.stream_failed")
            answer = _FAILED
        if isinstance(answer, EventStream):
            self._counts.answers[answer.status_code] += 1
            await answer(scope, receive, send)
            return
        self._counts.answers[answer.status] += 1
        await send(answer.start)
        await send(answer.body)

    def until(self, context: Mapping[str, Any]) -> datetime:
        """When the address ends that is given out now, which is another moment for other subjects."""
        return self._streams.until(context.get("targetingKey"))

    def offered(self, ticket: Ticket, revision: int, instance: Said | None) -> bytes:
        """What a bulk answer says of them: where a client hears of whatever comes behind this revision."""
        named = f"&instance={instance.name}" if instance is not None else ""
        uri = f"{PATH}?since={revision}{named}&token={self._streams.issue(ticket)}"
        stream = {"type": "sse", "endpoint": {"requestUri": uri}, "inactivityDelaySec": _INACTIVITY_SECONDS}
        return orjson.dumps([stream])

    async def _answer(self, scope: Scope) -> EventStream:
        if scope["method"] != "GET":
            raise Refused(_NO_METHOD)
        headers: Headers = dict(scope["headers"])
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        begin = _begin(headers.get(b"last-event-id", b"").decode("latin-1") or asked.get("since", ""))
        stream = await self._streams.opened(asked.get("token", ""), begin)
        stack = ExitStack()
        try:
            stack.enter_context(self._streams.seated(stream))
        except PermissionMissing as refusal:
            await write_down(self._store, stream.actor, _PLACE, refusal)
            raise
        self._counts.streams += 1

        async def close() -> None:
            self._counts.streams -= 1
            stack.close()

        life = min(LIFE_SECONDS, self._streams.left(stream))
        return EventStream(
            self._blocks(stream, begin, _instance(headers, asked)), leaving(Request(scope)), close, life=life
        )

    async def _blocks(self, stream: Stream, begin: int | None, said: Said | None) -> AsyncGenerator[bytes, None]:
        """Clients that a server loses come back one after the other: each is told a pause of its own."""
        seen = stream.shelf.flags.revision if begin is None else begin
        known = b"" if seen == _UNKNOWN else b"id: %d\n" % seen
        yield b"retry: %d\n%b\n" % (500 + secrets.randbelow(1500), known)
        while True:
            if said is not None:
                noted(self.sightings, said, stream.ticket.tenant, stream.ticket.environment)
                said = said._replace(holds=None)  # what it held in the beginning may be old by now
            served = await self._streams.next(stream, seen, BEAT_SECONDS)
            yield _BEAT if served == seen else _refetch(served)
            seen = served


def _begin(named: str) -> int | None:
    """Behind which revision; None begins at the present one, and what cannot be read is told the present one."""
    if not named:
        return None
    found = revision_in(named)
    return _UNKNOWN if found is None else found


def _instance(headers: Headers, asked: dict[str, str]) -> Said | None:
    """A browser's EventSource sends no headers of its own: the address says it."""
    return said_in({_NAME: asked.get("instance", "").encode("utf-8", "replace"), **headers})


def _refetch(revision: int) -> bytes:
    told_of = {"type": "refetchEvaluation", "etag": f'"{revision}"'}
    return f"id: {revision}\nevent: message\ndata: ".encode() + orjson.dumps(told_of) + b"\n\n"
