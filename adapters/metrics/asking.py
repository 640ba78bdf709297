"""Prometheus is asked for an instant or a range, each within ten seconds and a largest answer."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from adapters.metrics.answers import Series, Steps, Unanswered, number_of, series_of, steps_of
from adapters.metrics.conversation import Conversation

_Answer = TypeVar("_Answer")

CONNECT_S = 5.0
TOTAL_S = 10.0
LARGEST_ANSWER = 256 * 1024
LARGEST_COHORT = 32 * 1024 * 1024
"""Thousands of tenants, or a day of them, come in one answer."""


def closed_client() -> httpx2.AsyncClient:
    """A client that follows no redirect and no proxy of the environment."""
    timeout = httpx2.Timeout(TOTAL_S, connect=CONNECT_S)
    return httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)


class Asking(Conversation):
    """One conversation with Prometheus."""

    def __init__(
        self,
        base_url: str,
        client: Callable[[], httpx2.AsyncClient],
        pause: Callable[[float], Awaitable[None]],
        largest: int,
    ) -> None:
        super().__init__(pause)
        self._url = f"{base_url.rstrip('/')}/api/v1"
        self._client = client()
        self._largest = largest

    async def now(self) -> float:
        """The provider's present, in seconds."""
        now = number_of(await self._read("query", {"query": "time()"}, series_of))
        if now is None:
            raise Unanswered("malformed_answer")
        return now

    async def at(self, name: str, promql: str, at: float | None) -> Series:
        """An instant vector, at the provider's present where no instant is given."""
        self.name(name, promql)
        form = {"query": promql} if at is None else {"query": promql, "time": f"{at:.3f}"}
        return await self._read("query", form, series_of)

    async def over(self, name: str, promql: str, instants: tuple[float, float, float]) -> Steps:
        """Instant vectors from the first instant to the second, so many seconds apart."""
        self.name(name, promql)
        start, end, step = instants
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return await self._read("query_range", form, steps_of)

    async def _read(self, path: str, form: dict[str, str], read: Callable[[int, bytes], _Answer]) -> _Answer:
        async def once() -> tuple[bytes, _Answer]:
            status, body = await self._sent(path, form)
            return body, read(status, body)

        return await self.answered(once)

    async def _sent(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(TOTAL_S):
                return await self._post(path, form)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Unanswered("timeout", again=True) from error
        except httpx2.HTTPError as error:
            raise Unanswered("unreachable", again=True) from error

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
