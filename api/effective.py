"""What is in force is told on a lane of its own while the question is plain and the caller known.

Everything else takes the road through the router, which also has the words for every refusal.
"""

import re
import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from api.callers import Callers, Headers, bearer_of, mark_of
from api.instances import noted, said_in
from api.meters import Meters
from api.ofrep_answers import OK, Answer, said
from api.schemas.settings import SETTING_KEY, EffectiveOut
from application.authentication import Authentication
from application.instances.sightings import Sightings
from application.settings.reading import Question, SettingReads
from domain.environments import Environment
from domain.errors import Refusal
from domain.people import Actor, Permission
from domain.settings import Scope as SettingScope

ROUTE = "/api/v1/settings/{key}/effective"
SUFFIX = "/effective"
PREVIEW = b"changegate-preview"
_PATH = re.compile(ROUTE.replace("{key}", f"({SETTING_KEY.strip('^$')})"))
_LONGEST_QUERY = 4_096
_NAMES = ({"environment"}, {"environment", "scope"})


class Asked(NamedTuple):
    key: str
    question: Question


class EffectiveLane:
    def __init__(
        self,
        authentication: Authentication,
        reads: SettingReads,
        meters: Meters,
        sightings: Sightings,
        road: ASGIApp,
    ) -> None:
        self._callers = Callers(authentication, _reader)
        self._reads = reads
        self._meters = meters
        self._sightings = sightings
        self._road = road

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        asked = _asked(scope["path"], scope["query_string"]) if scope["method"] == "GET" else None
        answer = await self._answer(asked, dict(scope["headers"])) if asked is not None else None
        if answer is None:
            await self._road(scope, receive, send)
            return
        await send(answer.start)
        await send(answer.body)
        self._meters.observe("GET", ROUTE, answer.status, time.perf_counter() - began)

    async def _answer(self, asked: Asked, headers: Headers) -> Answer | None:
        token = bearer_of(headers)
        if not token or PREVIEW in headers:
            return None
        mark = mark_of(headers)
        try:
            seat = self._callers.seated(mark) or await self._callers.admitted(mark, token, headers)
            found = await self._reads.effective(seat.actor, asked.question, asked.key)
            instance = said_in(headers)
            if instance is not None:
                here = seat.actor.tenant, asked.question.environment
                noted(self._sightings, instance, *here, settings=found.epoch)
            return said(OK, EffectiveOut.of(found).model_dump_json().encode())
        except Exception:  # noqa: BLE001 -- a refusal or a defect: the road meets it, too, and has the words
            return None


async def _reader(actor: Actor, _headers: Headers) -> None:
    actor.require(Permission.SETTINGS_READ)


@lru_cache(maxsize=4_096)
def _asked(path: str, query: bytes) -> Asked | None:
    """The question, when it is one that needs no more words than these."""
    found = _PATH.fullmatch(path)
    if found is None or len(query) > _LONGEST_QUERY:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    said_of = dict(pairs)
    if len(pairs) != len(said_of) or said_of.keys() not in _NAMES:
        return None
    try:
        question = Question(Environment(said_of["environment"]), SettingScope.parse(said_of.get("scope", "")))
    except (ValueError, Refusal):
        return None
    return Asked(found[1], question)
