"""Counts that applications report, summed to cumulative readings."""

import math
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import telemetry, telemetry_batch
from application.ports.records import TelemetryBatch
from domain.gates import Counts, MetricQuery, Reading


class PostgresTelemetry:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, batch: TelemetryBatch) -> bool:
        mark = {"tenant_id": self._tenant, "source": batch.source, "batch": batch.id}
        fresh = await self._session.execute(
            upsert(telemetry_batch).values(mark).on_conflict_do_nothing().returning(telemetry_batch.c.batch)
        )
        if fresh.one_or_none() is None:
            return False
        rows = [
            {
                **mark,
                "environment": sample.environment,
                "key": sample.key,
                "variant": sample.variant,
                "window_end": sample.window_end,
                "requests": sample.requests,
                "errors": sample.errors,
                "bounds": [bound for bound, _ in sample.buckets],
                "counts": [count for _, count in sample.buckets],
            }
            for sample in batch.samples
        ]
        if rows:
            await self._session.execute(insert(telemetry), rows)
        return True

    async def reading(self, query: MetricQuery, at: datetime) -> Reading:
        return Reading(at, await self._counts(query, query.candidate, at), await self._counts(query, query.control, at))

    async def _counts(self, query: MetricQuery, variant: str, at: datetime) -> Counts | None:
        s = telemetry.c
        mine = (s.environment == query.environment, s.key == query.flag, s.variant == variant, s.window_end <= at)
        totals = (
            await self._session.execute(select(func.count(), func.sum(s.requests), func.sum(s.errors)).where(*mine))
        ).one()
        if not totals[0]:
            return None
        # Two arrays in one FROM item unnest side by side: one row a bucket.
        pairs = func.unnest(s.bounds, s.counts).table_valued("bound", "count").render_derived().lateral()
        rows = await self._session.execute(
            select(pairs.c.bound, func.sum(pairs.c.count))
            .select_from(telemetry.join(pairs, onclause=telemetry.c.tenant_id == self._tenant))
            .where(*mine)
            .group_by(pairs.c.bound)
            .order_by(pairs.c.bound)
        )
        return Counts(int(totals[1]), int(totals[2]), _cumulative([(float(b), int(n)) for b, n in rows]))


def _cumulative(rows: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    if not rows:
        return ()
    if rows[-1][0] != math.inf:
        rows = [*rows, (math.inf, 0)]
    return tuple(zip([bound for bound, _ in rows], accumulate(count for _, count in rows), strict=True))
