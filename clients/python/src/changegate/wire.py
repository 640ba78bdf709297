"""A call is asked as often as is safe: reads at every failure, writes only under a key that lets them count once."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from changegate.errors import NotKnown, Refused, Unavailable, Unreachable, refused
from changegate.models import Json

T = TypeVar("T")
ATTEMPTS: Final = 4
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
IN_PROGRESS: Final = "idempotency-in-progress"
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_GATEWAYS: Final = {429, 502, 503, 504}

Token = str | Callable[[], str]
"""A token, or what gives one: it is asked before each request, so it may renew what it gives."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and how its answer is read; `repeatable` says that asking twice does no harm."""

    method: str
    path: str
    read: Callable[[Json], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    patience: float = 0.0
    """Seconds for which the server may hold the answer back."""


def keyed(headers: Mapping[str, str] | None = None, key: str | None = None) -> dict[str, str]:
    """With an Idempotency-Key, the same at each attempt."""
    return {"Idempotency-Key": key or str(uuid4()), **(headers or {})}


def address(url: str, *, allow_http: bool) -> str:
    """Without a slash at the end; ValueError where a token would travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("the address of an API is https://host, without login, query and fragment")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allow_http:
        raise ValueError(f"a token is not sent over plain http to {parts.hostname}; write https://, or allow_http=True")
    return url.rstrip("/")


def headers_of(token: Token, tenant: str | None) -> dict[str, str]:
    word = (token if isinstance(token, str) else token()).strip()
    if not word or not word.isascii() or not word.isprintable() or " " in word:
        raise NotKnown(401, "token-malformed", "The token is not one word of printable characters.")
    return {"Authorization": f"Bearer {word}", **({"Changegate-Tenant": tenant} if tenant else {})}


def told(call: Call[T], answer: Answer) -> T:
    """What the answer says; Refused, or Unreachable where it is not this API's."""
    form = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= answer.status < 300:  # noqa: PLR2004 -- every success
        if form != "application/json":
            raise Unreachable(f"what answered there is not this API: {form or 'no content type'}")
        return call.read(_json(answer.content))
    if form == "application/problem+json":
        problem = _json(answer.content)
        raise refused(answer.status, problem if isinstance(problem, dict) else {})
    if answer.status in _GATEWAYS:
        raise Unavailable(answer.status, "no-answer", "Something before the API answered in its place.")
    raise Unreachable(f"what answered there is not this API: status {answer.status}, {form or 'no content type'}")


def pause_after(
    call: Call[Any], attempt: int, error: Exception, headers: Mapping[str, str], *, unsent: bool = False
) -> float | None:
    """Seconds to wait before the next attempt; None for none. `attempt` counts from 1; what is `unsent` did nothing."""
    if attempt >= ATTEMPTS:
        return None
    if isinstance(error, Refused):
        again = isinstance(error, Unavailable) and (error.status in _GATEWAYS) and call.repeatable
        if not again and error.kind != IN_PROGRESS:
            return None
    elif not call.repeatable and not unsent:
        return None
    return max(asked_for(headers), backoff(attempt))


def backoff(attempt: int, longest: float = LONGEST_PAUSE) -> float:
    """Longer each time, and not the same for two clients."""
    return random.uniform(0.5, 1.0) * min(longest, FIRST_PAUSE * float(1 << min(attempt - 1, 20)))


def asked_for(headers: Mapping[str, str]) -> float:
    after = headers.get("retry-after", "")
    return min(float(after), LONGEST_PAUSE) if after.isdecimal() else 0.0


def _json(content: bytes) -> Json:
    try:
        return json.loads(content)
    except ValueError as error:
        raise Unreachable("what answered there is not this API: no JSON in its answer") from error
