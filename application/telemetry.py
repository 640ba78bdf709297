"""Applications report what their users met; a batch counts once however often it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from application.ports.metrics import MetricSource, edges
from application.ports.records import TelemetryBatch
from application.ports.store import Store
from domain.canonical import Json, canonical_bytes
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    MetricQuery,
    Observation,
    Provenance,
    ProviderError,
    Reading,
    SourceKind,
)
from domain.people import Actor, Permission


class Telemetry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, actor: Actor, batch: TelemetryBatch) -> bool:
        """False when the batch was taken before; Invalid when a sample contradicts itself."""
        actor.require(Permission.TELEMETRY_WRITE)
        faults = [
            Fault(f"/samples/{index}/errors", "at most as many as requests")
            for index, sample in enumerate(batch.samples)
            if sample.errors > sample.requests
        ]
        if faults:
            raise Invalid(faults)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.telemetry.add(batch)


class TelemetrySource:
    """Our own telemetry as a metric source; a cohort is read tenant by tenant, each behind its own wall."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        try:
            async with self._store.transaction(query.tenant) as tx:
                reading = await tx.telemetry.reading(query, at)
        except Unavailable:
            return ProviderError("unreachable")
        return replace(reading, provenance=_provenance(_words(query), reading.to_json()))

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        read = await self._counted(query, [at])
        if isinstance(read, ProviderError):
            return read
        words = {"tenants": f"{query.key} in {query.environment} at each of {len(query.tenants)} tenants"}
        return replace(read[0], provenance=_provenance(words, read[0].to_json()))

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        at = edges(until, step, windows)
        try:
            async with self._store.transaction(query.tenant) as tx:
                arms = [
                    await tx.telemetry.counted(query.environment, query.flag, variant, at)
                    for variant in (query.candidate, query.control)
                ]
        except Unavailable:
            return ProviderError("unreachable")
        return [Reading(*each) for each in zip(at, *arms, strict=True)]

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        return await self._counted(query, edges(until, step, windows))

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Nothing can be wrong with a query that names variants of the flag itself."""
        if isinstance(query, MetricQuery):
            async with self._store.transaction(query.tenant) as tx:
                await tx.telemetry.reading(query, tx.now)

    async def _counted(self, query: CohortQuery, at: list[datetime]) -> list[CohortReading] | ProviderError:
        found: list[dict[str, Counts]] = [{} for _ in at]
        try:
            for slug, tenant in query.tenants:
                async with self._store.transaction(tenant) as tx:
                    counted = await tx.telemetry.counted(query.environment, query.key, None, at)
                for tenants, counts in zip(found, counted, strict=True):
                    if counts is not None:
                        tenants[slug] = counts
        except Unavailable:
            return ProviderError("unreachable")
        return [CohortReading(*each) for each in zip(at, found, strict=True)]


class Sources:
    """Each query is answered by the source that it names."""

    def __init__(self, sources: Mapping[SourceKind, MetricSource]) -> None:
        self._sources = sources

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        source = self._sources.get(query.source)
        return await source.read(query, at) if source else NOT_CONFIGURED

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        source = self._sources.get(query.source)
        return await source.read_cohort(query, at) if source else NOT_CONFIGURED

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        source = self._sources.get(query.source)
        return await source.past(query, until, step, windows) if source else NOT_CONFIGURED

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        source = self._sources.get(query.source)
        return await source.past_cohort(query, until, step, windows) if source else NOT_CONFIGURED

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        source = self._sources.get(query.source)
        if source is None:
            raise Invalid([Fault("/metrics/source", f"{query.source} is not configured here")])
        try:
            await source.probe(query)
        except Invalid as refusal:
            raise type(refusal)(map(_in_change, refusal.faults), **refusal.facts) from None


def _in_change(fault: Fault) -> Fault:
    """A source knows its templates; a change has them among its metrics."""
    return Fault(f"/metrics{fault.path}", fault.message) if fault.path.startswith("/templates") else fault


NOT_CONFIGURED = ProviderError("source_not_configured")


def _words(query: MetricQuery) -> dict[str, str]:
    return {
        arm: f"{query.flag}={variant} in {query.environment}"
        for arm, variant in (("candidate", query.candidate), ("control", query.control))
    }


def _provenance(queries: dict[str, str], answer: Json) -> Provenance:
    return Provenance(queries, sha256(canonical_bytes(answer)).hexdigest())
