"""The terminal speaks to the API as any client does, in the name of one person."""

from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2


class ApiRefusal(Exception):
    """What the API answered instead of doing it."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        faults = "".join(f"\n  {fault['path'] or '/'}: {fault['message']}" for fault in problem.get("faults", []))
        kind = f" {problem['type']}" if "type" in problem else ""
        super().__init__(f"{problem.get('status')}{kind}: {problem.get('title')}{faults}")
        self.problem = dict(problem)


class _Bearer(httpx2.Auth):
    """The token is asked for with each request: one that is valid for minutes would end before a rollout does."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        yield request


class Caller:
    """One person's session with the API; raises ApiRefusal with the problem's own sentence."""

    def __init__(self, api: str, token: str | Callable[[], str], tenant: str | None = None) -> None:
        headers = {"Changegate-Tenant": tenant} if tenant else {}
        # Proxies and authorities of the environment are for https alone: over http a proxy would read the token.
        settings = api.startswith("https:")
        self._http = httpx2.AsyncClient(
            base_url=f"{api}/api/v1", headers=headers, timeout=30, trust_env=settings,
            auth=_Bearer(token if callable(token) else lambda: token),
        )  # fmt: skip

    async def get(self, path: str, **query: Any) -> Any:
        return _answer(await self._http.get(path, params=query))

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, over: int | None = None
    ) -> Any:  # fmt: skip
        """`over` is the version that it is about, where there is one."""
        headers = {"Idempotency-Key": key or str(uuid4()), **({} if over is None else {"If-Match": f'"v{over}"'})}
        return _answer(await self._http.post(path, json=dict(body or {}), headers=headers))

    async def put(self, path: str, body: Mapping[str, Any], *, over: int = 0) -> Any:
        """In place of this version; 0 is the first time."""
        headers = {"Idempotency-Key": str(uuid4()), "If-Match": f'"v{over}"'}
        return _answer(await self._http.put(path, json=dict(body), headers=headers))

    async def delete(self, path: str, **query: Any) -> Any:
        return _answer(await self._http.delete(path, params=query, headers={"Idempotency-Key": str(uuid4())}))

    async def send(self, path: str, content: bytes) -> Any:
        """Bytes as they are, for what is too large to be one request's JSON."""
        headers = {"Content-Type": "application/octet-stream"}
        return _answer(await self._http.post(path, content=content, headers=headers))

    @asynccontextmanager
    async def lines(self, path: str, **headers: str) -> AsyncIterator[AsyncIterator[str]]:
        """Of a stream that lasts, with a heartbeat."""
        wanted = {"Accept": "text/event-stream", **headers}
        async with self._http.stream("GET", path, headers=wanted, timeout=httpx2.Timeout(30, read=60)) as response:
            if response.headers.get("content-type", "").partition(";")[0] != "text/event-stream":
                await response.aread()
                _answer(response)
                raise ApiRefusal({"status": response.status_code, "title": "This is no stream of Changegate's API."})
            yield response.aiter_lines()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()


def _answer(response: httpx2.Response) -> Any:
    """Something else than an API may answer there, such as the sign-on of a proxy."""
    form = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.is_success and (form == "application/json" or not response.content):
        return response.json() if response.content else None
    if response.is_success:
        raise ApiRefusal({"status": response.status_code, "title": "This is no answer of Changegate's API."})
    if form != "application/problem+json":
        raise ApiRefusal({"status": response.status_code, "title": response.reason_phrase})
    raise ApiRefusal(response.json())
