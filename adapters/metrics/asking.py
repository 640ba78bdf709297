"""A question to Prometheus is asked up to three times, and what came back is remembered by its hash."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from hashlib import sha256
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from adapters.metrics.answers import Series, Steps, Unanswered, number_of, series_of, steps_of
from domain.gates import Provenance

_Answer = TypeVar("_Answer")

TRIES = 3
BACKOFF_S = 0.25
CONNECT_S = 5.0
TOTAL_S = 10.0
LARGEST_ANSWER = 256 * 1024
LARGEST_COHORT = 32 * 1024 * 1024
"""Thousands of tenants, or a day of them, come in one answer."""


def closed_client() -> httpx2.AsyncClient:
    """A client that follows no redirect and no proxy of the environment."""
    timeout = httpx2.Timeout(TOTAL_S, connect=CONNECT_S)
    return httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)


class Asking:
    """One conversation; its provenance names every query by what it was asked for."""

    def __init__(
        self,
        base_url: str,
        client: Callable[[], httpx2.AsyncClient],
        pause: Callable[[float], Awaitable[None]],
        largest: int,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/api/v1"
        self._client = client()
        self._pause = pause
        self._largest = largest
        self._queries: dict[str, str] = {}
        self._hash = sha256()

    @property
    def provenance(self) -> Provenance:
        return Provenance(dict(self._queries), self._hash.hexdigest())

    async def now(self) -> float:
        """The provider's present, in seconds."""
        now = number_of(await self._answered("query", {"query": "time()"}, series_of))
        if now is None:
            raise Unanswered("malformed_answer")
        return now

    async def at(self, name: str, promql: str, at: float | None) -> Series:
        """An instant vector, at the provider's present where no instant is given."""
        self._queries[name] = promql
        form = {"query": promql} if at is None else {"query": promql, "time": f"{at:.3f}"}
        return await self._answered("query", form, series_of)

    async def over(self, name: str, promql: str, instants: tuple[float, float, float]) -> Steps:
        """Instant vectors from the first instant to the second, so many seconds apart."""
        self._queries[name] = promql
        start, end, step = instants
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return await self._answered("query_range", form, steps_of)

    async def _answered(self, path: str, form: dict[str, str], read: Callable[[int, bytes], _Answer]) -> _Answer:
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TOTAL_S):
                    status, body = await self._post(path, form)
                answer = read(status, body)
            except Unanswered as unanswered:
                last = unanswered
            except (TimeoutError, httpx2.TimeoutException):
                last = Unanswered("timeout", again=True)
            except httpx2.HTTPError:
                last = Unanswered("unreachable", again=True)
            else:
                self._hash.update(body)
                return answer
            if not last.again or attempt == TRIES:
                break
            await self._pause(BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        raise last

    async def _post(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with self._client.stream("POST", f"{self._url}/{path}", data=form, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._largest:
                    raise Unanswered("answer_too_large")
            return response.status_code, bytes(body)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
