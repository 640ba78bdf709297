"""Prometheus answers with cumulative counters at its own instant; whatever is not a plain number is no number."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import httpx2

from adapters.metrics.answers import Unanswered, number_of
from adapters.metrics.asking import LARGEST_ANSWER, LARGEST_COHORT, Asking, closed_client
from adapters.metrics.counted import Answers, check_form, counts_of, templates_of, tenants_of
from adapters.metrics.provider import Provider
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import CohortQuery, CohortReading, MetricQuery, Reading


class PrometheusSource(Provider):
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

    async def _arms(self, query: MetricQuery, at: datetime) -> Reading:
        """At the provider's present where `at` lies in its future; an arm of NaN or infinite counts is None."""
        async with self._asking(LARGEST_ANSWER) as asking:
            instant = await _instant(asking, at)
            arms = [
                counts_of(await _answers(asking, _worded(query, variant, arm), instant))
                for arm, variant in (("candidate", query.candidate), ("control", query.control))
            ]
            template = templates_of(query).synthetic
            up = await _up(asking, template and query.promql(template, query.candidate), instant)
            return Reading(_moment(instant), *arms, synthetic=up, provenance=asking.provenance)

    async def _cohort(self, query: CohortQuery, at: datetime) -> CohortReading:
        async with self._asking(LARGEST_COHORT) as asking:
            instant = await _instant(asking, at)
            tenants = tenants_of(query, await _answers(asking, _cohort_words(query), instant))
            template = templates_of(query).synthetic
            up = await _up(asking, template and query.promql(template), instant)
            return CohortReading(_moment(instant), tenants, synthetic=up, provenance=asking.provenance)

    async def _past(self, query: MetricQuery, at: Sequence[datetime]) -> list[Reading]:
        async with self._asking(LARGEST_COHORT) as asking:
            candidate, control = [
                await _steps(asking, _worded(query, variant, arm), at)
                for arm, variant in (("candidate", query.candidate), ("control", query.control))
            ]
        return [Reading(*each) for each in zip(at, map(counts_of, candidate), map(counts_of, control), strict=True)]

    async def _past_cohort(self, query: CohortQuery, at: Sequence[datetime]) -> list[CohortReading]:
        async with self._asking(LARGEST_COHORT) as asking:
            found = await _steps(asking, _cohort_words(query), at)
        return [CohortReading(when, tenants_of(query, each)) for when, each in zip(at, found, strict=True)]

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
                    check_form(name, await asking.at(name, words, None), cohort=cohort)
                except Unanswered as unanswered:
                    if unanswered.again or unanswered.reason.startswith(("http_", "unreachable", "timeout")):
                        raise Unavailable(reason=unanswered.reason) from unanswered
                    faults.append(Fault(f"/templates/{name}", unanswered.detail or unanswered.reason))
        if faults:
            raise Invalid(faults)

    def _asking(self, largest: int) -> Asking:
        return Asking(self._url, self._client, self._pause, largest)


async def _instant(asking: Asking, at: datetime) -> float:
    return round(min(at.timestamp(), await asking.now()), 3)


def _moment(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def _worded(query: MetricQuery, variant: str, arm: str) -> dict[str, tuple[str, str]]:
    """By template, what the query is called in the evidence, and the query."""
    named = templates_of(query).named().items()
    return {name: (f"{arm}/{name}", query.promql(template, variant)) for name, template in named if name != "synthetic"}


def _cohort_words(query: CohortQuery) -> dict[str, tuple[str, str]]:
    named = templates_of(query).named().items()
    return {name: (name, query.promql(template)) for name, template in named if name != "synthetic"}


async def _answers(asking: Asking, words: dict[str, tuple[str, str]], at: float) -> Answers:
    return {name: await asking.at(called, promql, at) for name, (called, promql) in words.items()}


async def _steps(asking: Asking, words: dict[str, tuple[str, str]], at: Sequence[datetime]) -> list[Answers]:
    """The answers of every template at each instant."""
    instants = (at[0].timestamp(), at[-1].timestamp(), (at[1] - at[0]).total_seconds())
    ranges = {name: await asking.over(called, promql, instants) for name, (called, promql) in words.items()}
    return [{name: steps.get(round(when.timestamp(), 3), []) for name, steps in ranges.items()} for when in at]


async def _up(asking: Asking, promql: str | None, at: float) -> bool | None:
    """What a probe from outside says; None where there is none."""
    number = number_of(await asking.at("synthetic", promql, at)) if promql else None
    return None if number is None else number > 0
