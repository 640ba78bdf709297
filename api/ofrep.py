"""Applications evaluate flags through OFREP 0.3: one raw ASGI application over snapshots in memory.

It stands beside the router because validation and dependencies cost more than an evaluation does. Once a snapshot
is loaded and a token known, an answer takes no lock and waits for nothing.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from api.callers import Callers, Seat, mark_of
from api.meters import Evaluations
from api.ofrep_answers import (
    ABSENT,
    BROKEN,
    LARGE,
    METHOD,
    UNCHANGED,
    Answer,
    Outcomes,
    Refused,
    general,
    refusal_answer,
    said,
    told,
)
from application.authentication import Authentication
from application.evaluation import FlagSets
from domain.errors import Refusal

PREFIX = "/ofrep/"
_PATH = "/ofrep/v1/evaluate/flags"
_PREFIX = f"{_PATH}/"
_PLACE = f"POST {_PATH}"
_MOST_BODY = 64 * 1024
_NO_PATH = told(ABSENT, {"errorDetails": "no such path; see OFREP 0.3"})
_NO_METHOD = told(METHOD, {"errorDetails": "POST only"}, {"Allow": "POST"})
_FAILED = told(BROKEN, {"errorDetails": "something failed here; the failure has been logged"})
_TOO_LARGE = told(LARGE, {"errorDetails": f"at most {_MOST_BODY} bytes"})

log = structlog.get_logger()


class Ofrep:
    def __init__(self, authentication: Authentication, flag_sets: FlagSets, counts: Evaluations) -> None:
        self._callers = Callers(authentication, flag_sets, _PLACE)
        self._counts = counts
        self._outcomes = Outcomes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except Refusal as refusal:
            answer = refusal_answer(refusal)
        except Exception:
            log.exception("ofrep.failed")
            answer = _FAILED
        self._counts.answers[answer.status] += 1
        await send(answer.start)
        await send(answer.body)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path: str = scope["path"]
        single = path.startswith(_PREFIX)
        if not single and path != _PATH:
            return _NO_PATH
        if scope["method"] != "POST":
            return _NO_METHOD
        headers = dict(scope["headers"])
        mark = mark_of(headers)
        seat = self._callers.seated(mark) or await self._callers.admitted(mark, headers)
        message = await receive()
        body: bytes = await _rest(message, receive) if message.get("more_body") else message.get("body", b"")
        if len(body) > _MOST_BODY:
            return _TOO_LARGE
        if not single:
            return self._all(seat, _context(body, None), headers)
        key = _key(path, scope)
        evaluation = seat.shelf.flags.evaluate(key, _context(body, key))
        self._counts.by_reason[evaluation.reason] += 1
        return self._outcomes.answer(evaluation)

    def _all(self, seat: Seat, context: dict[str, Any], headers: Mapping[bytes, bytes]) -> Answer:
        flags, tag = seat.shelf.flags, None
        if not flags.time_dependent:
            tag = _tag(flags.revision, f"{seat.actor.tenant}/{seat.environment.value}", context)
            if tag in headers.get(b"if-none-match", b"").decode("latin-1"):
                return said(UNCHANGED, b"", {"ETag": tag})
        evaluations = flags.evaluate_all(context)
        counts = self._counts.by_reason
        for evaluation in evaluations:
            counts[evaluation.reason] += 1
        return self._outcomes.all(evaluations, flags.metadata, tag)


def _key(path: str, scope: Scope) -> str:
    """One path segment, percent-decoded once."""
    raw: bytes = scope.get("raw_path") or path.encode()
    if b"%" not in raw:
        return path[len(_PREFIX) :]
    return unquote(raw.partition(b"?")[0].decode("latin-1").removeprefix(_PREFIX))


async def _rest(message: Message, receive: Receive) -> bytes:
    """The body of a request that comes in pieces, until it is complete or too large."""
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= _MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
    return body


def _context(body: bytes, key: str | None) -> dict[str, Any]:
    """The context, or an empty one: real clients leave it out, and most rules do not need a targetingKey."""
    try:
        asked = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        raise Refused(general("the body is not JSON", "PARSE_ERROR", key)) from None
    context = asked.get("context", {}) if isinstance(asked, dict) else None
    if not isinstance(context, dict):
        raise Refused(general("expected an object with a context object", "INVALID_CONTEXT", key))
    if not isinstance(context.get("targetingKey", ""), str):
        raise Refused(general("expected a targetingKey that is text", "INVALID_CONTEXT", key))
    return context


def _tag(revision: int, place: str, context: dict[str, Any]) -> str:
    """Over the flags and the context: a client that keeps its tag across contexts is still answered right."""
    asked = hashlib.blake2b(place.encode(), digest_size=12)
    asked.update(orjson.dumps(context, option=orjson.OPT_SORT_KEYS))
    return f'"{revision}-{asked.hexdigest()}"'
