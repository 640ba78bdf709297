"""Prometheus answers with cumulative counters at its own instant; whatever is not a plain number is no number."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx2

from adapters.metrics.answers import Series, Unanswered, buckets_of, counter_of, number_of, series_of
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import Buckets, Counts, MetricQuery, Observation, ProviderError, Reading

TRIES = 3
BACKOFF_S = 0.25
CONNECT_S = 5.0
TOTAL_S = 10.0
READ_S = 45.0
LARGEST_ANSWER = 256 * 1024


def closed_client() -> httpx2.AsyncClient:
    """A client that follows no redirect and no proxy of the environment."""
    timeout = httpx2.Timeout(TOTAL_S, connect=CONNECT_S)
    return httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)


class PrometheusSource:
    """Reads counters with instant queries; three tries a query, each within ten seconds and 256 KiB."""

    def __init__(
        self,
        base_url: str,
        client: Callable[[], httpx2.AsyncClient] = closed_client,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/api/v1/query"
        self._client = client
        self._pause = pause

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        """Both arms at `at`, or at the provider's present where `at` lies in its future; never raises for the provider.

        An arm is None where its requests or errors are empty, NaN or infinite.
        """
        try:
            async with asyncio.timeout(READ_S), self._client() as client:
                instant = round(min(at.timestamp(), await self._now(client)), 3)
                arms = [
                    await self._arm(client, query, variant, instant) for variant in (query.candidate, query.control)
                ]
        except Unanswered as unanswered:
            return ProviderError(unanswered.reason)
        except TimeoutError:
            return ProviderError("timeout")
        return Reading(datetime.fromtimestamp(instant, UTC), *arms)

    async def probe(self, query: MetricQuery) -> None:
        """Run every template for the control; raises Invalid with a pointer for each faulty one, or Unavailable."""
        faults = []
        templates = query.templates.named() if query.templates is not None else {}
        async with self._client() as client:
            for name, template in templates.items():
                try:
                    series = await self._ask(client, query.promql(template, query.control), None)
                    buckets_of(series) if name == "latency_buckets" else number_of(series)
                except Unanswered as unanswered:
                    if unanswered.again or unanswered.reason.startswith(("http_", "unreachable", "timeout")):
                        raise Unavailable(reason=unanswered.reason) from unanswered
                    faults.append(Fault(f"/templates/{name}", unanswered.detail or unanswered.reason))
        if faults:
            raise Invalid(faults)

    async def _now(self, client: httpx2.AsyncClient) -> float:
        series = await self._ask(client, "time()", None)
        now = number_of(series)
        if now is None:
            raise Unanswered("malformed_answer")
        return now

    async def _arm(self, client: httpx2.AsyncClient, query: MetricQuery, variant: str, at: float) -> Counts | None:
        templates = query.templates
        if templates is None:
            raise Unanswered("no_templates")
        requests = number_of(await self._ask(client, query.promql(templates.requests, variant), at))
        errors = number_of(await self._ask(client, query.promql(templates.errors, variant), at))
        buckets: Buckets = ()
        if templates.latency_buckets is not None:
            buckets = buckets_of(await self._ask(client, query.promql(templates.latency_buckets, variant), at))
        if requests is None or errors is None:
            return None
        return Counts(counter_of(requests), counter_of(errors), buckets)

    async def _ask(self, client: httpx2.AsyncClient, promql: str, at: float | None) -> Series:
        form = {"query": promql} if at is None else {"query": promql, "time": f"{at:.3f}"}
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TOTAL_S):
                    return series_of(*await self._post(client, form))
            except Unanswered as unanswered:
                last = unanswered
            except (TimeoutError, httpx2.TimeoutException):
                last = Unanswered("timeout", again=True)
            except httpx2.HTTPError:
                last = Unanswered("unreachable", again=True)
            if not last.again or attempt == TRIES:
                break
            await self._pause(BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        raise last

    async def _post(self, client: httpx2.AsyncClient, form: dict[str, str]) -> tuple[int, bytes]:
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with client.stream("POST", self._url, data=form, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise Unanswered("answer_too_large")
            return response.status_code, bytes(body)
