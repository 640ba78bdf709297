"""Applications report what their users met; a batch counts once however often it is sent."""

from collections.abc import Mapping
from datetime import datetime

from application.ports.metrics import MetricSource
from application.ports.records import TelemetryBatch
from application.ports.store import Store
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import MetricQuery, Observation, ProviderError, SourceKind
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
    """Our own telemetry as a metric source."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        try:
            async with self._store.transaction(query.tenant) as tx:
                return await tx.telemetry.reading(query, at)
        except Unavailable:
            return ProviderError("unreachable")

    async def probe(self, query: MetricQuery) -> None:
        """Nothing can be wrong with a query that names variants of the flag itself."""
        async with self._store.transaction(query.tenant) as tx:
            await tx.telemetry.reading(query, tx.now)


class Sources:
    """Each query is answered by the source that it names."""

    def __init__(self, sources: Mapping[SourceKind, MetricSource]) -> None:
        self._sources = sources

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        source = self._sources.get(query.source)
        return await source.read(query, at) if source else ProviderError("source_not_configured")

    async def probe(self, query: MetricQuery) -> None:
        source = self._sources.get(query.source)
        if source is None:
            raise Invalid([Fault("/metrics/source", f"{query.source} is not configured here")])
        await source.probe(query)
