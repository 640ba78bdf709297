"""Applications evaluate flags through OFREP 0.3: one raw ASGI application over snapshots in memory.

It stands beside the router because validation and dependencies cost more than an evaluation does. Once a snapshot
is loaded and a token known, an answer takes no lock and waits for nothing.
"""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote
from uuid import UUID

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from api.callers import Callers, Headers, Seat, bearer_of, mark_of
from api.denials import write_down
from api.instances import Said, noted, said_in
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
from api.ofrep_streams import OfrepStreams, revision_in
from api.problems import HEADERS
from application.authentication import Authentication
from application.evaluation import FlagSets, Shelf
from application.flag_impact.collecting import Reservoir, Samples
from application.flag_streams import Ticket
from application.flag_usage.counting import Tally
from application.previewing import Previewing
from domain.environments import Environment
from domain.errors import Fault, Invalid, Refusal
from domain.flags import FlagSet
from domain.flags.tags import Tags
from domain.people import Actor, Permission, PermissionMissing

PREFIX = "/ofrep/"
_PATH = "/ofrep/v1/evaluate/flags"
_PREFIX = f"{_PATH}/"
_PLACE = f"POST {_PATH}"
_MOST_BODY = 64 * 1024
_MOST_TAGS = 50
_PREVIEW = b"changegate-preview"
_ENVIRONMENTS = {environment.value.encode(): environment for environment in Environment}
_REFETCH = b"flagConfig"
_NO_PATH = told(ABSENT, {"errorDetails": "no such path; see OFREP 0.3"})
_NO_METHOD = told(METHOD, {"errorDetails": "POST only"}, {"Allow": "POST"})
_FAILED = told(BROKEN, {"errorDetails": "something failed here; the failure has been logged"})
_TOO_LARGE = told(LARGE, {"errorDetails": f"at most {_MOST_BODY} bytes"})

log = structlog.get_logger()


class Place(NamedTuple):
    """An environment of a tenant, by name, its flags, and where their evaluations are counted and sampled."""

    name: str
    tenant: UUID
    environment: Environment
    shelf: Shelf
    tally: Tally
    reservoir: Reservoir


class Ofrep:
    def __init__(
        self,
        authentication: Authentication,
        flag_sets: FlagSets,
        counts: Evaluations,
        previewing: Previewing,
        streams: OfrepStreams,
        samples: Samples,
    ) -> None:
        self._authentication = authentication
        self._flag_sets = flag_sets
        self._callers = Callers(authentication, self._evaluator)
        self._counts = counts
        self._previewing = previewing
        self._streams = streams
        self._samples = samples
        self._outcomes = Outcomes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        key = _key(path, scope) if path.startswith(_PREFIX) else None
        try:
            answer = await self._answer(scope, key, receive)
        except Refused as refused:
            answer = refused.answer
        except Refusal as refusal:
            answer = refusal_answer(refusal, key)
        except Exception:
            log.exception("ofrep.failed")
            answer = _FAILED
        self._counts.answers[answer.status] += 1
        await send(answer.start)
        await send(answer.body)

    async def _answer(self, scope: Scope, key: str | None, receive: Receive) -> Answer:
        if key is None and scope["path"] != _PATH:
            return _NO_PATH
        if scope["method"] != "POST":
            return _NO_METHOD
        headers = dict(scope["headers"])
        mark = mark_of(headers)
        seat = self._callers.seated(mark) or await self._callers.admitted(mark, _token(headers), headers)
        message = await receive()
        body: bytes = await _rest(message, receive) if message.get("more_body") else message.get("body", b"")
        if len(body) > _MOST_BODY:
            return _TOO_LARGE
        tags = _tags(scope["query_string"]) if key is None else ()
        if key is None and _REFETCH in scope["query_string"]:
            await self._caught_up(seat.held, scope["query_string"])
        instance = said_in(headers)
        if instance is not None:
            held = seat.held
            noted(self._streams.sightings, instance, held.tenant, held.environment, flags=held.shelf.flags.revision)
        if _PREVIEW in headers:
            return await self._previewed(seat.held, key, _context(body, key), headers[_PREVIEW], tags)
        context = _context(body, key)
        if seat.held.reservoir.open:
            seat.held.reservoir.offer(body, context)
        if key is None:
            return self._all(seat, context, headers, instance, tags)
        evaluation = seat.held.shelf.flags.evaluate(key, context)
        seat.held.tally.add(evaluation)
        return self._outcomes.answer(evaluation)

    async def _caught_up(self, place: Place, query: bytes) -> None:
        """Whoever heard of a change is never told of a time before it, whichever process it asks."""
        asked = dict(parse_qsl(query.decode("latin-1")))
        await self._flag_sets.at_least((place.tenant, place.environment), revision_in(asked.get("flagConfigEtag", "")))

    async def _evaluator(self, actor: Actor, headers: Headers) -> Place:
        try:
            actor.require(Permission.FEATURES_EVALUATE)
        except PermissionMissing as refusal:
            await write_down(self._authentication.store, actor, _PLACE, refusal)
            raise
        environment = _environment(headers)
        shelf = await self._flag_sets.shelf(actor.tenant, environment)
        tally = self._counts.tallies.of(actor.tenant, environment)
        reservoir = self._samples.of(actor.tenant, environment)
        return Place(f"{actor.tenant}/{environment.value}", actor.tenant, environment, shelf, tally, reservoir)

    async def _previewed(
        self, place: Place, key: str | None, context: dict[str, Any], token: bytes, tags: Tags
    ) -> Answer:
        """As after the switch, for whoever holds the token of what is prepared; it counts for no gate and no cache."""
        said_to = token.decode("latin-1")
        flags = await self._previewing.flags(place.tenant, place.environment, said_to, place.shelf)
        if key is not None:
            return self._outcomes.answer(flags.evaluate(key, context))
        return self._outcomes.all(_with(tags, flags).evaluate_all(context), flags.metadata, None)

    def _all(
        self, seat: Seat[Place], context: dict[str, Any], headers: Headers, instance: Said | None, tags: Tags
    ) -> Answer:
        place = seat.held
        flags, tag = _with(tags, place.shelf.flags), None
        until = self._streams.until(context)
        if not flags.time_dependent:
            tag = _tag(flags.revision, (place.name, *tags), until, context)
            if tag in headers.get(b"if-none-match", b"").decode("latin-1"):
                if not place.tally.again(tag):
                    place.tally.add_all(flags.evaluate_all(context), tag)
                return said(UNCHANGED, b"", {"ETag": tag})
        evaluations = flags.evaluate_all(context)
        place.tally.add_all(evaluations, tag)
        ticket = Ticket(place.tenant, place.environment, seat.actor.id, until)
        streams = self._streams.offered(ticket, flags.revision, instance)
        return self._outcomes.all(evaluations, flags.metadata, tag, streams)


def _tags(query: bytes) -> Tags:
    """Each `tag` that is asked for, in order."""
    if b"tag" not in query:
        return ()
    asked = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    tags = tuple(sorted({said for name, said in asked if name == "tag"}))
    if len(tags) > _MOST_TAGS:
        raise Refused(general(f"at most {_MOST_TAGS} tags"))
    return tags


def _with(tags: Tags, flags: FlagSet) -> FlagSet:
    """Those with one of the tags, or all of them where no tag is asked for."""
    return flags.tagged(tags) if tags else flags


def _environment(headers: Headers) -> Environment:
    environment = _ENVIRONMENTS.get(headers.get(b"changegate-environment", b"production"))
    if environment is None:
        raise Invalid([Fault("/headers/Changegate-Environment", "is one of " + ", ".join(Environment))])
    return environment


def _token(headers: Headers) -> bytes:
    token = bearer_of(headers) or headers.get(b"x-api-key", b"").strip()
    if not token:
        raise Refused(told(401, {"errorDetails": "send Authorization: Bearer or X-API-Key"}, HEADERS[401]))
    return token


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
    if not isinstance(context.get("targetingKey"), str | None):  # real clients send null where there is none
        raise Refused(general("expected a targetingKey that is text", "INVALID_CONTEXT", key))
    return context


def _tag(revision: int, asked_of: Tags, until: datetime, context: dict[str, Any]) -> str:
    """Over the flags, those that are asked for, and the context: a client that keeps its tag is still answered right.

    And over how long the address of the stream holds: a client without news keeps the old one, and must not for ever.
    """
    asked = hashlib.blake2b(f"{asked_of} {until.timestamp()} ".encode(), digest_size=12)
    try:
        asked.update(orjson.dumps(context, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise Refused(general("the context is nested too deeply", "INVALID_CONTEXT")) from None
    return f'"{revision}-{asked.hexdigest()}"'
