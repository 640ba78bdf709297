"""A service beyond our door is asked up to three times, and what came back is remembered by its hash."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from math import inf
from typing import Any, Final, TypeVar

from adapters.metrics.answers import Unanswered
from adapters.metrics.asking import BACKOFF_S, TRIES
from application.ports.egress import AddressRefused, CallFailed, Egress, EgressResponse
from domain.canonical import Json
from domain.errors import Fault, Unavailable
from domain.gates import Provenance, ProviderError

READ_S = 45.0
PATIENCE_S: Final = 5.0
"""How long a service may ask us to wait before its answer counts as none."""

_OK: Final = 200
_WRONG_QUESTION: Final = frozenset({400, 404, 405, 422})
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_FAILED: Final = {"timeout": "timeout", "too-large": "answer_too_large", "compressed": "malformed_answer"}
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Call:
    """One request, without the headers that every request of its source carries."""

    url: str
    method: str = "GET"
    body: bytes | None = None
    form: str | None = None
    """The type of the body."""


@dataclass(frozen=True)
class Said:
    """What was said, and when by the clock of who said it."""

    document: Json
    at: datetime | None


class Calls:
    """One conversation; its provenance names every query by what it was asked for."""

    def __init__(
        self, egress: Egress, headers: Mapping[str, str], pause: Callable[[float], Awaitable[None]], largest: int
    ) -> None:
        self._egress = egress
        self._headers = {"accept": "application/json", **headers}
        self._pause = pause
        self._largest = largest
        self._queries: dict[str, str] = {}
        self._hash = sha256()

    @property
    def provenance(self) -> Provenance:
        return Provenance(dict(self._queries), self._hash.hexdigest())

    def name(self, name: str, query: str) -> None:
        self._queries[name] = query

    async def ask(self, call: Call) -> Said:
        for attempt in range(1, TRIES + 1):
            wait = BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
            try:
                response = await self._sent(call)
                document = _document(response, self._largest)
            except Unanswered as unanswered:
                if not unanswered.again or attempt == TRIES:
                    raise
                await self._pause(wait)
                continue
            if response.status == _OK:
                self._hash.update(response.body)
                return Said(document, _date(response))
            asked_to_wait = _wait(response)
            again = response.status in _WORTH_ANOTHER_TRY and asked_to_wait <= PATIENCE_S
            if not again or attempt == TRIES:
                break
            await self._pause(max(wait, asked_to_wait))
        raise Unanswered(f"http_{response.status}", again=again, detail=_refused(response.status))

    async def _sent(self, call: Call) -> EgressResponse:
        typed = {"content-type": call.form} if call.form else {}
        try:
            return await self._egress.request(call.method, call.url, headers={**self._headers, **typed}, body=call.body)
        except AddressRefused as refused:
            raise Unanswered("address_refused") from refused
        except CallFailed as failed:
            reason = _FAILED.get(str(failed.facts.get("reason")), "unreachable")
            raise Unanswered(reason, again=reason in {"timeout", "unreachable"}) from failed


async def within(read: Awaitable[_Read]) -> _Read | ProviderError:
    """What was read, or the reason why nothing was, before a check waits too long."""
    try:
        async with asyncio.timeout(READ_S):
            return await read
    except Unanswered as unanswered:
        return ProviderError(unanswered.reason)
    except TimeoutError:
        return ProviderError("timeout")


def fault_of(name: str, unanswered: Unanswered) -> Fault:
    """What is wrong with a template; raises Unavailable where it is not the template's doing."""
    reason = unanswered.reason
    status = int(reason.removeprefix("http_")) if reason.startswith("http_") else None
    away = reason in {"unreachable", "timeout", "address_refused"}
    if unanswered.again or away or (status is not None and status not in _WRONG_QUESTION):
        raise Unavailable(reason=reason) from unanswered
    return Fault(f"/templates/{name}", unanswered.detail or reason)


def _document(response: EgressResponse, largest: int) -> Json:
    """What an answer of success says; of others nothing is read."""
    if response.status != _OK:
        return None
    if len(response.body) > largest:
        raise Unanswered("answer_too_large")
    try:
        return json.loads(response.body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unanswered("malformed_answer") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unanswered("ambiguous_series", detail="names one member of an object twice")
    return found


def _date(response: EgressResponse) -> datetime | None:
    try:
        said = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return said if said.tzinfo is not None else None


def _wait(response: EgressResponse) -> float:
    """The seconds that the service wants us to stay away."""
    said = response.headers.get("x-ratelimit-reset") or response.headers.get("retry-after") or "0"
    try:
        seconds = float(said)
    except ValueError:  # a date, or nonsense: not within our patience
        return inf
    return seconds if seconds >= 0 else inf


def _refused(status: int) -> str:
    return f"the service answers {status}"
