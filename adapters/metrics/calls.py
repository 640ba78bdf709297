"""A service beyond our door is asked through it, and says one document of JSON and when."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any, Final

from adapters.metrics.answers import WORTH_ANOTHER_TRY, Unanswered
from adapters.metrics.conversation import Conversation
from application.ports.egress import AddressRefused, CallFailed, Egress, EgressResponse
from domain.canonical import Json
from domain.errors import Fault, Unavailable

PATIENCE_S: Final = 5.0
"""How long a service may ask us to wait before its answer counts as none."""

_OK: Final = 200
_WRONG_QUESTION: Final = frozenset({400, 404, 405, 422})
_FAILED: Final = {"timeout": "timeout", "too-large": "answer_too_large", "compressed": "malformed_answer"}


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


class Calls(Conversation):
    """One conversation with such a service."""

    def __init__(
        self, egress: Egress, headers: Mapping[str, str], pause: Callable[[float], Awaitable[None]], largest: int
    ) -> None:
        super().__init__(pause)
        self._egress = egress
        self._headers = {"accept": "application/json", **headers}
        self._largest = largest

    async def ask(self, call: Call) -> Said:
        async def once() -> tuple[bytes, Said]:
            response = await self._sent(call)
            return response.body, Said(_document(response, self._largest), _date(response))

        return await self.answered(once)

    async def _sent(self, call: Call) -> EgressResponse:
        typed = {"content-type": call.form} if call.form else {}
        try:
            return await self._egress.request(call.method, call.url, headers={**self._headers, **typed}, body=call.body)
        except AddressRefused as refused:
            raise Unanswered("address_refused") from refused
        except CallFailed as failed:
            reason = _FAILED.get(str(failed.facts.get("reason")), "unreachable")
            raise Unanswered(reason, again=reason in {"timeout", "unreachable"}) from failed


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
        wait = _wait(response)
        again = response.status in WORTH_ANOTHER_TRY and wait <= PATIENCE_S
        detail = f"the service answers {response.status}"
        raise Unanswered(f"http_{response.status}", again=again, detail=detail, wait=wait)
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
