"""Requests go to one API and follow no redirect: the token would go along."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2

from changegate.errors import ChangegateError, Unreachable
from changegate.wire import Answer, Call, Token, address, headers_of, pause_after, told

T = TypeVar("T")
TIMEOUT: Final = 10.0
AGENT: Final = "changegate-python/0.1"


@dataclass(frozen=True)
class Place:
    """Which API, in whose name, and for how long an answer is waited for."""

    url: str
    token: Token
    tenant: str | None = None
    timeout: float = TIMEOUT
    allow_http: bool = False

    def options(self) -> dict[str, Any]:
        """Proxies of the environment are for https alone: over http a proxy would read the token."""
        base = address(self.url, allow_http=self.allow_http)
        return {
            "base_url": f"{base}/api/v1",
            "timeout": self.timeout,
            "trust_env": base.startswith("https:"),
            "follow_redirects": False,
            "headers": {"User-Agent": AGENT, "Accept": "application/json"},
        }

    def request(self, call: Call[Any]) -> dict[str, Any]:
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.query),
            "json": call.body,
            "headers": {**headers_of(self.token, self.tenant), **call.headers},
            "timeout": httpx2.Timeout(self.timeout, read=self.timeout + call.patience),
        }


class Transport:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._http = httpx2.Client(**place.options())

    def ask(self, call: Call[T]) -> T:
        """Refused, or Unreachable after the last attempt."""
        attempt = 0
        while True:
            attempt += 1
            headers: Mapping[str, str] = {}
            try:
                answer = _answer(self._http.request(**self._place.request(call)))
                headers = answer.headers
                return told(call, answer)
            except (httpx2.HTTPError, ChangegateError) as error:
                pause = pause_after(call, attempt, error, headers, unsent=isinstance(error, httpx2.ConnectError))
                if pause is None and isinstance(error, ChangegateError):
                    raise
                if pause is None:
                    raise _named(error) from error
                time.sleep(pause)

    def close(self) -> None:
        self._http.close()


class AsyncTransport:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._http = httpx2.AsyncClient(**place.options())

    async def ask(self, call: Call[T]) -> T:
        """Refused, or Unreachable after the last attempt."""
        attempt = 0
        while True:
            attempt += 1
            headers: Mapping[str, str] = {}
            try:
                answer = _answer(await self._http.request(**self._place.request(call)))
                headers = answer.headers
                return told(call, answer)
            except (httpx2.HTTPError, ChangegateError) as error:
                pause = pause_after(call, attempt, error, headers, unsent=isinstance(error, httpx2.ConnectError))
                if pause is None and isinstance(error, ChangegateError):
                    raise
                if pause is None:
                    raise _named(error) from error
                await asyncio.sleep(pause)

    async def once(self, call: Call[Any]) -> Answer:
        """Whatever the answer is; Unreachable where there is none."""
        try:
            return _answer(await self._http.request(**self._place.request(call)))
        except httpx2.HTTPError as error:
            raise _named(error) from error

    @asynccontextmanager
    async def lines(self, call: Call[Any]) -> AsyncIterator[AsyncIterator[str]]:
        """Of a stream that lasts; Refused, or Unreachable where it breaks."""
        try:
            async with self._http.stream(**self._place.request(call)) as response:
                if response.headers.get("content-type", "").partition(";")[0] != "text/event-stream":
                    await response.aread()
                    told(call, _answer(response))
                    raise Unreachable("what answered there is no stream")
                yield response.aiter_lines()
        except httpx2.HTTPError as error:
            raise _named(error) from error

    async def aclose(self) -> None:
        await self._http.aclose()


def _answer(response: httpx2.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _named(error: Exception) -> Unreachable:
    return Unreachable(f"no answer: {str(error) or type(error).__name__}")
