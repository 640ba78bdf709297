"""Applications evaluate flags through OFREP 0.3: one raw ASGI application over snapshots in memory.

It stands beside the router because validation and dependencies cost more than an evaluation does. Once a snapshot
is loaded and a token known, an answer takes no lock and waits for nothing.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson
import structlog
from starlette.types import Receive, Scope, Send

from api.callers import Callers, mark_of
from api.meters import Evaluations
from api.problems import HEADERS, STATUS
from application.authentication import Authentication
from application.evaluation import FlagSets
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Refusal
from domain.flags import CODE_DEFAULT, ErrorCode, Evaluation, FlagSet

PREFIX = "/ofrep/"
_PATH = "/ofrep/v1/evaluate/flags"
_PREFIX = f"{_PATH}/"
_PLACE = f"POST {_PATH}"
_MOST_BODY = 64 * 1024
_OK, _UNCHANGED, _BAD, _ABSENT, _METHOD, _LARGE, _BROKEN = 200, 304, 400, 404, 405, 413, 500
# Each header costs as much as an evaluation; what is left is what an answer to a program needs.
_HEADERS = ((b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff"))
_UNCACHED = (*_HEADERS, (b"cache-control", b"no-store"))
_REVALIDATED = (*_HEADERS, (b"cache-control", b"private, no-cache"))
_ENVIRONMENTS = {environment.value.encode(): environment for environment in Environment}

log = structlog.get_logger()


_NOTHING_MORE: Mapping[str, str] = {}


class Answer(NamedTuple):
    status: int
    body: Json = None
    headers: Mapping[str, str] = _NOTHING_MORE


class Refused(Exception):
    """This request is answered with what it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Ofrep:
    def __init__(self, authentication: Authentication, flag_sets: FlagSets, counts: Evaluations) -> None:
        self._callers = Callers(authentication)
        self._flag_sets = flag_sets
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except Refusal as refusal:
            answer = _refusal(refusal)
        except Exception:
            log.exception("ofrep.failed")
            answer = Answer(_BROKEN, {"errorDetails": "something failed here; the failure has been logged"})
        self._counts.answers[answer.status] += 1
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["path"]
        if path != _PATH and not path.startswith(_PREFIX):
            return Answer(_ABSENT, {"errorDetails": "no such path; see OFREP 0.3"})
        if scope["method"] != "POST":
            return Answer(_METHOD, {"errorDetails": "POST only"}, {"Allow": "POST"})
        headers = dict(scope["headers"])
        token, tenant = _token(headers), headers.get(b"changegate-tenant")
        mark = mark_of(token, tenant)
        actor = self._callers.believed(mark) or await self._callers.verified(mark, token, tenant, _PLACE)
        environment = _environment(headers)
        flags = self._flag_sets.at_hand(actor.tenant, environment)
        if flags is None:
            flags = await self._flag_sets.get(actor.tenant, environment)
        key = _key(scope) if path != _PATH else None
        context = _context(await _body(receive), key)
        if key is not None:
            return self._one(flags, key, context)
        return self._all(flags, context, headers, f"{actor.tenant}/{environment.value}")

    def _one(self, flags: FlagSet, key: str, context: dict[str, Any]) -> Answer:
        evaluation = flags.evaluate(key, context)
        self._counts.by_reason[evaluation.reason] += 1
        if evaluation.error_code is None:
            return Answer(_OK, _success(evaluation))
        missing = evaluation.error_code is ErrorCode.FLAG_NOT_FOUND
        return Answer(_ABSENT if missing else _BAD, _failure(evaluation))

    def _all(self, flags: FlagSet, context: dict[str, Any], headers: Mapping[bytes, bytes], place: str) -> Answer:
        tagged: dict[str, str] = {}
        if not flags.time_dependent:
            tagged["ETag"] = tag = _tag(flags.revision, place, context)
            if tag in headers.get(b"if-none-match", b"").decode("latin-1"):
                return Answer(_UNCHANGED, None, tagged)
        evaluations = flags.evaluate_all(context)
        counts = self._counts.by_reason
        for evaluation in evaluations:
            counts[evaluation.reason] += 1
        listed = [_failure(each) if each.failed else _success(each) for each in evaluations]
        return Answer(_OK, {"flags": listed, "metadata": dict(flags.metadata)}, tagged)


def _success(evaluation: Evaluation) -> dict[str, Any]:
    """`variant` always: clients look for it; no `value` at all means that the application's own default holds."""
    told: dict[str, Any] = {
        "key": evaluation.key,
        "reason": evaluation.reason,
        "variant": evaluation.variant or "",
        "metadata": evaluation.metadata,
    }
    if evaluation.value is not CODE_DEFAULT:
        told["value"] = evaluation.value
    return told


def _failure(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "key": evaluation.key,
        "errorCode": evaluation.error_code,
        "errorDetails": evaluation.error_details or "",
        "metadata": evaluation.metadata,
    }


def _general(details: str, code: str = "GENERAL", key: str | None = None) -> Answer:
    named = {} if key is None else {"key": key}
    return Answer(_BAD, {**named, "errorCode": code, "errorDetails": details})


def _refusal(refusal: Refusal) -> Answer:
    status = next((STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS), 409)
    if status == 422:  # noqa: PLR2004 -- OFREP has no 422
        return _general(str(refusal))
    return Answer(status, {"errorDetails": str(refusal)}, HEADERS.get(status, {}))


def _environment(headers: Mapping[bytes, bytes]) -> Environment:
    environment = _ENVIRONMENTS.get(headers.get(b"changegate-environment", b"production"))
    if environment is None:
        raise Refused(_general("Changegate-Environment is one of " + ", ".join(Environment)))
    return environment


def _token(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    token = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"").strip()
    if not token:
        raise Refused(Answer(401, {"errorDetails": "send Authorization: Bearer or X-API-Key"}, HEADERS[401]))
    return token


def _key(scope: Scope) -> str:
    """One path segment, percent-decoded once."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if b"%" not in raw:
        return str(scope["path"])[len(_PREFIX) :]
    return unquote(raw.partition(b"?")[0].decode("latin-1").removeprefix(_PREFIX))


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= _MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
    if len(body) > _MOST_BODY:
        raise Refused(Answer(_LARGE, {"errorDetails": f"at most {_MOST_BODY} bytes"}))
    return body


def _context(body: bytes, key: str | None) -> dict[str, Any]:
    """The context, or an empty one: real clients leave it out, and most rules do not need a targetingKey."""
    try:
        asked = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        raise Refused(_general("the body is not JSON", "PARSE_ERROR", key)) from None
    context = asked.get("context", {}) if isinstance(asked, dict) else None
    if not isinstance(context, dict):
        raise Refused(_general("expected an object with a context object", "INVALID_CONTEXT", key))
    if not isinstance(context.get("targetingKey", ""), str):
        raise Refused(_general("expected a targetingKey that is text", "INVALID_CONTEXT", key))
    return context


def _tag(revision: int, place: str, context: dict[str, Any]) -> str:
    """Over the flags and the context: a client that keeps its tag across contexts is still answered right."""
    asked = hashlib.blake2b(place.encode(), digest_size=12)
    asked.update(orjson.dumps(context, option=orjson.OPT_SORT_KEYS))
    return f'"{revision}-{asked.hexdigest()}"'


async def _send(send: Send, answer: Answer) -> None:
    status, told, more = answer
    body = b"" if told is None else orjson.dumps(told)
    headers = [*(_REVALIDATED if "ETag" in more else _UNCACHED)]
    if status != _UNCHANGED:
        headers.append((b"content-length", b"%d" % len(body)))
    for name, value in more.items():
        headers.append((name.lower().encode(), value.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
