"""Applications report what their users met; a batch counts once however often it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from application.ports.flag_usage import Counted
from application.ports.metrics import MetricSource, edges
from application.ports.records import TelemetryBatch, TelemetrySample
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

MOST_COUNTS: Final = 10_000
"""How many one statement tells of a cohort: a day of a hundred tenants, or all tenants of an instant."""


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
            fresh = await tx.telemetry.add(batch)
            if fresh:
                await tx.flag_usage.add([_used(sample, tx.now) for sample in batch.samples if sample.requests])
            return fresh


class TelemetrySource:
    """Our own telemetry as a metric source; of a cohort many tenants are read at once, all here or below."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        read = await self._arms(query, [at])
        if isinstance(read, ProviderError):
            return read
        return replace(read[0], provenance=_provenance(_words(query), read[0].to_json()))

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        read = await self._cohort(query, [at])
        if isinstance(read, ProviderError):
            return read
        words = {"tenants": f"{query.key} in {query.environment} at each of {len(query.tenants)} tenants"}
        return replace(read[0], provenance=_provenance(words, read[0].to_json()))

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        return await self._arms(query, edges(until, step, windows))

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        return await self._cohort(query, edges(until, step, windows))

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """Nothing can be wrong with a query that names variants of the flag itself."""
        if isinstance(query, MetricQuery):
            async with self._store.transaction(query.tenant) as tx:
                await tx.telemetry.counted(query.environment, query.flag, query.control, [tx.now])

    async def _arms(self, query: MetricQuery, at: list[datetime]) -> list[Reading] | ProviderError:
        try:
            async with self._store.transaction(query.tenant) as tx:
                arms = [
                    await tx.telemetry.counted(query.environment, query.flag, variant, at)
                    for variant in (query.candidate, query.control)
                ]
        except Unavailable:
            return ProviderError("unreachable")
        return [Reading(*each) for each in zip(at, *arms, strict=True)]

    async def _cohort(self, query: CohortQuery, at: list[datetime]) -> list[CohortReading] | ProviderError:
        ids, some = [tenant for _, tenant in query.tenants], max(1, MOST_COUNTS // len(at))
        told: dict[UUID, list[Counts | None]] = {}
        try:
            async with self._store.transaction(query.tenant) as tx:
                for first in range(0, len(ids), some):
                    asked = ids[first : first + some]
                    told |= await tx.telemetry.counted_below(asked, query.environment, query.key, at)
        except Unavailable:
            return ProviderError("unreachable")
        counted = [(slug, told[tenant]) for slug, tenant in query.tenants if tenant in told]
        return [
            CohortReading(when, {slug: counts for slug, each in counted if (counts := each[number]) is not None})
            for number, when in enumerate(at)
        ]


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


def _used(sample: TelemetrySample, now: datetime) -> Counted:
    """Whoever evaluates by itself says here which variants it gave, and not why."""
    at = min(sample.window_end, now)
    return Counted(sample.environment, sample.key, sample.variant, "UNKNOWN", at, sample.requests)


NOT_CONFIGURED = ProviderError("source_not_configured")


def _words(query: MetricQuery) -> dict[str, str]:
    return {
        arm: f"{query.flag}={variant} in {query.environment}"
        for arm, variant in (("candidate", query.candidate), ("control", query.control))
    }


def _provenance(queries: dict[str, str], answer: Json) -> Provenance:
    return Provenance(queries, sha256(canonical_bytes(answer)).hexdigest())
