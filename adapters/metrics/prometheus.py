"""Prometheus answers with cumulative counters at its own instant; whatever is not a plain number is no number."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx2

from adapters.metrics.answers import Series, Unanswered, buckets_of, by_tenant, counter_of, number_of
from adapters.metrics.asking import LARGEST_ANSWER, LARGEST_COHORT, TRIES, Asking, closed_client
from application.ports.metrics import edges
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    MetricQuery,
    Observation,
    PrometheusTemplates,
    ProviderError,
    Reading,
)

__all__ = ["LARGEST_ANSWER", "TRIES", "PrometheusSource"]

READ_S = 45.0
_Read = TypeVar("_Read")
Answers = dict[str, Series]
"""The series of each template, by its name."""


class PrometheusSource:
    """Reads counters with instant queries, and the past with one range query a template.

    Three tries a query, each within ten seconds and 256 KiB (32 MiB for a cohort).
    """

    def __init__(
        self,
        base_url: str,
        client: Callable[[], httpx2.AsyncClient] = closed_client,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = base_url
        self._client = client
        self._pause = pause

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        """Both arms at `at`, or at the provider's present where `at` lies in its future; never raises for the provider.

        An arm is None where its requests or errors are empty, NaN or infinite.
        """

        async def read(asking: Asking) -> Reading:
            instant = await _instant(asking, at)
            templates = _templates(query)
            arms = [
                _counts(await _answers(asking, _worded(query, variant, arm), instant))
                for arm, variant in (("candidate", query.candidate), ("control", query.control))
            ]
            up = None
            if templates.synthetic is not None:
                promql = query.promql(templates.synthetic, query.candidate)
                up = _up(await asking.at("synthetic", promql, instant))
            return Reading(_moment(instant), *arms, synthetic=up, provenance=asking.provenance)

        return await self._within(read, LARGEST_ANSWER)

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        """Each tenant of the query that has series; the same rules as for two arms."""

        async def read(asking: Asking) -> CohortReading:
            instant = await _instant(asking, at)
            answers = await _answers(asking, _cohort_words(query), instant)
            up, promql = None, _templates(query).synthetic
            if promql is not None:
                up = _up(await asking.at("synthetic", query.promql(promql), instant))
            return CohortReading(_moment(instant), _tenants(query, answers), synthetic=up, provenance=asking.provenance)

        return await self._within(read, LARGEST_COHORT)

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        at = edges(until, step, windows)

        async def read(asking: Asking) -> list[Reading]:
            candidate, control = [
                await _steps(asking, _worded(query, variant, arm), at, step)
                for arm, variant in (("candidate", query.candidate), ("control", query.control))
            ]
            return [Reading(*each) for each in zip(at, map(_counts, candidate), map(_counts, control), strict=True)]

        return await self._within(read, LARGEST_COHORT)

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        at = edges(until, step, windows)

        async def read(asking: Asking) -> list[CohortReading]:
            found = await _steps(asking, _cohort_words(query), at, step)
            return [CohortReading(when, _tenants(query, each)) for when, each in zip(at, found, strict=True)]

        return await self._within(read, LARGEST_COHORT)

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Run every template for the control; raises Invalid with a pointer for each faulty one, or Unavailable."""
        faults = []
        async with self._asking(LARGEST_COHORT) as asking:
            for name, template in (query.templates.named() if query.templates is not None else {}).items():
                cohort = isinstance(query, CohortQuery)
                words = (
                    query.promql(template) if isinstance(query, CohortQuery) else query.promql(template, query.control)
                )
                try:
                    _check(name, await asking.at(name, words, None), cohort=cohort)
                except Unanswered as unanswered:
                    if unanswered.again or unanswered.reason.startswith(("http_", "unreachable", "timeout")):
                        raise Unavailable(reason=unanswered.reason) from unanswered
                    faults.append(Fault(f"/templates/{name}", unanswered.detail or unanswered.reason))
        if faults:
            raise Invalid(faults)

    def _asking(self, largest: int) -> Asking:
        return Asking(self._url, self._client, self._pause, largest)

    async def _within(self, read: Callable[[Asking], Awaitable[_Read]], largest: int) -> _Read | ProviderError:
        try:
            async with asyncio.timeout(READ_S), self._asking(largest) as asking:
                return await read(asking)
        except Unanswered as unanswered:
            return ProviderError(unanswered.reason)
        except TimeoutError:
            return ProviderError("timeout")


async def _instant(asking: Asking, at: datetime) -> float:
    return round(min(at.timestamp(), await asking.now()), 3)


def _moment(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def _templates(query: MetricQuery | CohortQuery) -> PrometheusTemplates:
    if query.templates is None:
        raise Unanswered("no_templates")
    return query.templates


def _worded(query: MetricQuery, variant: str, arm: str) -> dict[str, tuple[str, str]]:
    """By template, what the query is called in the evidence, and the query."""
    named = _templates(query).named().items()
    return {name: (f"{arm}/{name}", query.promql(template, variant)) for name, template in named if name != "synthetic"}


def _cohort_words(query: CohortQuery) -> dict[str, tuple[str, str]]:
    named = _templates(query).named().items()
    return {name: (name, query.promql(template)) for name, template in named if name != "synthetic"}


async def _answers(asking: Asking, words: dict[str, tuple[str, str]], at: float) -> Answers:
    return {name: await asking.at(called, promql, at) for name, (called, promql) in words.items()}


async def _steps(
    asking: Asking, words: dict[str, tuple[str, str]], at: Sequence[datetime], step: timedelta
) -> list[Answers]:
    """The answers of every template at each instant."""
    instants = (at[0].timestamp(), at[-1].timestamp(), step.total_seconds())
    ranges = {name: await asking.over(called, promql, instants) for name, (called, promql) in words.items()}
    return [{name: steps.get(round(when.timestamp(), 3), []) for name, steps in ranges.items()} for when in at]


def _counts(answers: Answers) -> Counts | None:
    requests, errors = number_of(answers["requests"]), number_of(answers["errors"])
    buckets = buckets_of(answers["latency_buckets"]) if "latency_buckets" in answers else ()
    if requests is None or errors is None:
        return None
    return Counts(counter_of(requests), counter_of(errors), buckets)


def _tenants(query: CohortQuery, answers: Answers) -> dict[str, Counts]:
    parted = {name: by_tenant(series) for name, series in answers.items()}
    found = {
        slug: _counts({name: tenants.get(slug, []) for name, tenants in parted.items()}) for slug, _ in query.tenants
    }
    return {slug: counts for slug, counts in found.items() if counts is not None}


def _up(series: Series) -> bool | None:
    number = number_of(series)
    return None if number is None else number > 0


def _check(name: str, series: Series, *, cohort: bool) -> None:
    """Raises Unanswered where the answer has not the form that its template needs."""
    parts = by_tenant(series).values() if cohort and name != "synthetic" else [series]
    for part in parts:
        buckets_of(part) if name == "latency_buckets" else number_of(part)
