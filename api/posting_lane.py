"""Whether something may be posted is told on a lane of its own while the question is plain and the caller known.

Everything else takes the road through the router, body and all; the road also has the words for every refusal.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.callers import Callers, Headers, bearer_of, mark_of
from api.intake import parsed
from api.meters import Meters
from api.ofrep_answers import OK, Answer, said
from api.schemas.posting_checks import PostingChecksIn, PostingChecksOut
from application.authentication import Authentication
from application.periods.checking import PostingChecks
from domain.people import Actor, Permission

ROUTE = "/api/v1/posting-checks"
_PLAIN = b"application/json"


class PostingLane:
    def __init__(
        self, authentication: Authentication, checks: PostingChecks, meters: Meters, most_body: int, road: ASGIApp
    ) -> None:
        self._callers = Callers(authentication, _reader)
        self._checks = checks
        self._meters = meters
        self._most_body = most_body
        self._road = road

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = dict(scope["headers"])
        if scope["method"] != "POST" or headers.get(b"content-type") != _PLAIN:
            await self._road(scope, receive, send)
            return
        heard = Heard(receive, self._most_body)
        answer = await self._answer(await heard.body(), headers)
        if answer is None:
            await self._road(scope, heard.again, send)
            return
        await send(answer.start)
        await send(answer.body)
        self._meters.observe("POST", ROUTE, answer.status, time.perf_counter() - began)

    async def _answer(self, body: bytes | None, headers: Headers) -> Answer | None:
        token = bearer_of(headers)
        if not token or body is None:
            return None
        mark = mark_of(headers)
        try:
            seat = self._callers.seated(mark) or await self._callers.admitted(mark, token, headers)
            wish = PostingChecksIn.model_validate(parsed(body))
            told = await self._checks.ask(seat.actor, wish.questions(), wish.person)
            return said(OK, PostingChecksOut.of(told).model_dump_json().encode())
        except Exception:  # noqa: BLE001 -- a refusal or a defect: the road meets it, too, and has the words
            return None


class Heard:
    """A body that is read once and can be heard again from its beginning; None where it is too long or broke off."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._messages: list[Message] = []
        self._told = 0

    async def body(self) -> bytes | None:
        chunks, length = [], 0
        while True:
            message = await self._receive()
            self._messages.append(message)
            chunks.append(message.get("body", b""))
            length += len(chunks[-1])
            if message["type"] != "http.request" or length > self._most:
                return None
            if not message.get("more_body"):
                return b"".join(chunks)

    async def again(self) -> Message:
        if self._told < len(self._messages):
            self._told += 1
            return self._messages[self._told - 1]
        return await self._receive()


async def _reader(actor: Actor, _headers: Headers) -> None:
    actor.require(Permission.PERIODS_READ)
