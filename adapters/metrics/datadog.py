"""Datadog counts in buckets that never overlap: summed since the week began, they are counters."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from adapters.metrics.answers import Series, Unanswered
from adapters.metrics.asking import LARGEST_ANSWER, LARGEST_COHORT
from adapters.metrics.buckets import Bucketed, grid, rolled, series_in, summed, worded
from adapters.metrics.calls import Call, Calls, fault_of
from adapters.metrics.counted import check_form, counts_of, templates_of, tenants_of
from adapters.metrics.provider import Provider
from application.ports.egress import Egress
from domain.errors import Fault, Invalid
from domain.gates import CohortQuery, CohortReading, MetricQuery, Reading

MINUTE: Final = 60
HOUR: Final = 3600
WEEK: Final = 7 * 24 * HOUR
SUNDAY: Final = 3 * 24 * HOUR
"""1970 began on a Thursday: the counters begin anew on Sundays at midnight in UTC, when least is rolled out."""
MOST_POINTS: Final = 1500
"""Of longer series Datadog makes the buckets wider by itself."""


@dataclass(frozen=True)
class DatadogKeys:
    """Whom to ask, as the installation says: `url` is that of its site, such as https://api.datadoghq.eu."""

    url: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)


class DatadogSource(Provider):
    """Reads sums of counts; a reading ends with the last whole minute of Datadog's own clock."""

    def __init__(
        self, keys: DatadogKeys, egress: Egress, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._keys = keys
        self._egress = egress
        self._pause = pause

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Ask for every template over the last whole minutes; raises Invalid with pointers, or Unavailable."""
        asking = self._asking(LARGEST_COHORT)
        cohort = isinstance(query, CohortQuery)
        faults: list[Fault] = []
        variant = query.control if isinstance(query, MetricQuery) else None
        end = None
        for name, template in (query.templates.named() if query.templates is not None else {}).items():
            try:
                end = end or await asking.present()
                text = worded(name, template, query, variant)
                check_form(name, summed(await asking.over(name, text, (end - 5 * MINUTE, end), MINUTE)), cohort=cohort)
            except Unanswered as unanswered:
                faults.append(fault_of(name, unanswered))
        if faults:
            raise Invalid(faults)

    async def _arms(self, query: MetricQuery, at: datetime) -> Reading:
        asking = self._asking(LARGEST_ANSWER)
        end = await asking.end(at)
        arms = [
            counts_of({
                name: await asking.since_sunday(f"{arm}/{name}", worded(name, template, query, variant), end)
                for name, template in templates_of(query).named().items()
            })
            for arm, variant in (("candidate", query.candidate), ("control", query.control))
        ]  # fmt: skip
        return Reading(_moment(end), *arms, provenance=asking.provenance)

    async def _cohort(self, query: CohortQuery, at: datetime) -> CohortReading:
        asking = self._asking(LARGEST_COHORT)
        end = await asking.end(at)
        answers = {
            name: await asking.since_sunday(name, worded(name, template, query, None), end)
            for name, template in templates_of(query).named().items()
        }
        return CohortReading(_moment(end), tenants_of(query, answers), provenance=asking.provenance)

    async def _past(self, query: MetricQuery, at: Sequence[datetime]) -> list[Reading]:
        asking = self._asking(LARGEST_COHORT)
        arms = [
            [counts_of(each) for each in await asking.past(query, variant, at)]
            for variant in (query.candidate, query.control)
        ]
        return [Reading(*each) for each in zip(at, *arms, strict=True)]

    async def _past_cohort(self, query: CohortQuery, at: Sequence[datetime]) -> list[CohortReading]:
        found = await self._asking(LARGEST_COHORT).past(query, None, at)
        return [CohortReading(when, tenants_of(query, each)) for when, each in zip(at, found, strict=True)]

    def _asking(self, largest: int) -> "_Asking":
        keys = {"dd-api-key": self._keys.api_key, "dd-application-key": self._keys.app_key}
        return _Asking(self._keys.url.rstrip("/"), Calls(self._egress, keys, self._pause, largest))


class _Asking:
    """One conversation."""

    def __init__(self, url: str, calls: Calls) -> None:
        self._url = url
        self._calls = calls
        self.provenance = calls.provenance

    async def present(self) -> int:
        """The end of the last whole minute, by the date of an answer."""
        said = await self._calls.ask(Call(f"{self._url}/api/v1/validate"))
        if said.at is None:
            raise Unanswered("malformed_answer", detail="has no date")
        return grid(said.at.timestamp(), MINUTE)

    async def end(self, at: datetime) -> int:
        return min(grid(at.timestamp(), MINUTE), await self.present())

    async def since_sunday(self, name: str, text: str, end: int) -> Series:
        """The sums since the counters began: whole hours in one answer, the minutes of the last in another."""
        sunday = grid(end - 1 - SUNDAY, WEEK) + SUNDAY
        hour = max(sunday, grid(end, HOUR))
        hours = await self.over(f"{name}/hours", text, (sunday, hour), HOUR) if hour > sunday else []
        minutes = await self.over(name, text, (hour, end), MINUTE) if end > hour else []
        return summed([*hours, *minutes])

    async def past(
        self, query: MetricQuery | CohortQuery, variant: str | None, at: Sequence[datetime]
    ) -> list[dict[str, Series]]:
        """By instant and template, the sums since the first instant."""
        first, last = at[0].timestamp(), at[-1].timestamp()
        width = MINUTE if last - first <= (MOST_POINTS - 1) * MINUTE else HOUR
        found = {
            name: await self.over(
                name, worded(name, template, query, variant), (grid(first, width), grid(last, width)), width
            )
            for name, template in templates_of(query).named().items()
        }
        ends = [grid(when.timestamp(), width) for when in at]
        return [{name: summed(series, end) for name, series in found.items()} for end in ends]

    async def over(self, name: str, text: str, span: tuple[int, int], width: int) -> list[Bucketed]:
        """The buckets that lie within `span`, each so many seconds wide."""
        query = rolled(text, width)
        self._calls.name(name, query)
        asked = urlencode({"from": span[0], "to": span[1], "query": query})
        said = await self._calls.ask(Call(f"{self._url}/api/v1/query?{asked}"))
        self.provenance = self._calls.provenance
        return series_in(said.document, span, width)


def _moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
