"""Any service that answers in JSON can count for a gate: what to ask stands in the change, whom in the settings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from adapters.metrics.answers import Unanswered, counter_of
from adapters.metrics.asking import LARGEST_ANSWER, LARGEST_COHORT
from adapters.metrics.calls import Call, Calls, fault_of
from adapters.metrics.counted import templates_of
from adapters.metrics.pointed import Place, at_steps, buckets_at, each_at, instant_at, number_at, place, pointer_steps
from adapters.metrics.provider import Provider
from application.ports.egress import Egress
from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.gates import CohortQuery, CohortReading, Counts, MetricQuery, Reading

AT_ONCE: Final = 8
"""How many instants of the past are asked for at the same time."""
SLACK: Final = timedelta(seconds=1)
_Measured = TypeVar("_Measured", Reading, CohortReading)
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class JsonService:
    """Whom to ask, as the installation says; nothing of it ever comes from a change.

    `instant` points to when the service counted. `time` is the parameter by which it can be asked for an instant, in
    seconds since 1970; a service without one knows no past. With POST, what follows the question mark is the body.
    """

    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    instant: str = "/at"
    time: str | None = None


class HttpJsonSource(Provider):
    """Reads counters that a service keeps; two templates with one address are answered by one request."""

    def __init__(
        self, service: JsonService, egress: Egress, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._service = service
        self._egress = egress
        self._pause = pause

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Ask for every template once; raises Invalid with a pointer for each faulty one, or Unavailable."""
        asking = self._asking(None, LARGEST_COHORT)
        variant = query.control if isinstance(query, MetricQuery) else None
        faults: list[Fault] = []
        for name, template in templates_of(query).named().items():
            try:
                where = place(template, _values(query, variant))
                document = await asking.document(name, where)
                _check(name, document, where, cohort=variant is None)
            except Unanswered as unanswered:
                faults.append(fault_of(name, unanswered))
        if faults:
            raise Invalid(faults)

    async def _arms(self, query: MetricQuery, at: datetime) -> Reading:
        asking = self._asking(at, LARGEST_ANSWER)
        arms = []
        for arm, variant in (("candidate", query.candidate), ("control", query.control)):
            named = {name: at_steps(*found) for name, found in (await asking.all(query, variant, arm)).items()}
            arms.append(_counts(named))
        up = await asking.synthetic(query, query.candidate)
        return Reading(asking.instant, *arms, synthetic=up, provenance=asking.provenance)

    async def _cohort(self, query: CohortQuery, at: datetime) -> CohortReading:
        asking = self._asking(at, LARGEST_COHORT)
        named = {name: each_at(*found) for name, found in (await asking.all(query, None, "")).items()}
        up = await asking.synthetic(query, None)
        found = {slug: _counts({name: by.get(slug) for name, by in named.items()}) for slug, _ in query.tenants}
        tenants = {slug: counts for slug, counts in found.items() if counts is not None}
        return CohortReading(asking.instant, tenants, synthetic=up, provenance=asking.provenance)

    async def _past(self, query: MetricQuery, at: Sequence[datetime]) -> list[Reading]:
        if self._service.time is None:
            return [Reading(each, None, None) for each in at]
        return await _in_turn(lambda each: self._arms(query, each), at)

    async def _past_cohort(self, query: CohortQuery, at: Sequence[datetime]) -> list[CohortReading]:
        if self._service.time is None:
            return [CohortReading(each, {}) for each in at]
        return await _in_turn(lambda each: self._cohort(query, each), at)

    def _asking(self, at: datetime | None, largest: int) -> "_Asking":
        return _Asking(self._service, Calls(self._egress, self._service.headers, self._pause, largest), at)


class _Asking:
    """One conversation, in which no address is asked twice."""

    def __init__(self, service: JsonService, calls: Calls, at: datetime | None) -> None:
        self._service = service
        self._calls = calls
        self._at = at
        self._known: dict[Place, Json] = {}
        self._instants: list[datetime] = []
        self.provenance = calls.provenance

    @property
    def instant(self) -> datetime:
        return min(self._instants)

    async def all(
        self, query: MetricQuery | CohortQuery, variant: str | None, arm: str
    ) -> dict[str, tuple[Json, tuple[str, ...]]]:
        """By template, the document and the way to what it says there."""
        found = {}
        for name, template in templates_of(query).named().items():
            if name != "synthetic":
                where = place(template, _values(query, variant))
                found[name] = (await self.document(f"{arm}/{name}" if arm else name, where), where.steps)
        return found

    async def synthetic(self, query: MetricQuery | CohortQuery, variant: str | None) -> bool | None:
        template = templates_of(query).named().get("synthetic")
        if template is None:
            return None
        where = place(template, _values(query, variant))
        number = number_at(at_steps(await self.document("synthetic", where), where.steps))
        return None if number is None else number > 0

    async def document(self, name: str, where: Place) -> Json:
        self._calls.name(name, where.words)
        address = replace(where, steps=())
        if address not in self._known:
            said = await self._calls.ask(self._call(where))
            self._instants.append(instant_at(at_steps(said.document, pointer_steps(self._service.instant))))
            self._known[address] = said.document
        self.provenance = self._calls.provenance
        return self._known[address]

    def _call(self, where: Place) -> Call:
        service = self._service
        wanted = f"{service.time}={self._at.timestamp():.3f}" if service.time and self._at else ""
        asked = "&".join(part for part in (where.asked, wanted) if part)
        url = service.url.rstrip("/") + where.address
        if service.method == "POST":
            return Call(url, "POST", asked.encode(), FORM)
        return Call(f"{url}?{asked}" if asked else url)


def _values(query: MetricQuery | CohortQuery, variant: str | None) -> dict[str, str]:
    key = query.flag if isinstance(query, MetricQuery) else query.key
    known = {"flag": key, "key": key, "environment": query.environment.value}
    return known if variant is None else {**known, "variant": variant}


def _counts(named: Mapping[str, Json]) -> Counts | None:
    requests, errors = number_at(named["requests"]), number_at(named["errors"])
    buckets = buckets_at(named.get("latency_buckets"))
    return None if requests is None or errors is None else Counts(counter_of(requests), counter_of(errors), buckets)


def _check(name: str, document: Json, where: Place, *, cohort: bool) -> None:
    """Raises Unanswered where the answer has not the form that its template needs."""
    by_tenant = cohort and name != "synthetic"
    for found in each_at(document, where.steps).values() if by_tenant else [at_steps(document, where.steps)]:
        buckets_at(found) if name == "latency_buckets" else number_at(found)


async def _in_turn(read: Callable[[datetime], Awaitable[_Measured]], instants: Sequence[datetime]) -> list[_Measured]:
    """What was known at each instant; few are asked for at a time, so that nobody is overrun."""
    few = asyncio.Semaphore(AT_ONCE)

    async def one(at: datetime) -> _Measured:
        async with few:
            found = await read(at)
        if found.at > at + SLACK:
            raise Unanswered("malformed_answer", detail="answers for another instant than was asked for")
        return replace(found, at=at)

    tasks = [asyncio.ensure_future(one(at)) for at in instants]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
