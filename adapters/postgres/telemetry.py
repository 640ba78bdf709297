"""Counts that applications report, summed to cumulative readings."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, ColumnElement, Integer, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import telemetry, telemetry_batch
from application.ports.records import TelemetryBatch
from domain.environments import Environment
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
        arms = [
            (await self.counted(query.environment, query.flag, variant, [at]))[0]
            for variant in (query.candidate, query.control)
        ]
        return Reading(at, *arms)

    async def counted(
        self, environment: Environment, key: str, variant: str | None, at: Sequence[datetime]
    ) -> list[Counts | None]:
        s = telemetry.c
        mine = [s.environment == environment, s.key == key, s.window_end <= at[-1]]
        if variant is not None:
            mine.append(s.variant == variant)
        window = _window(list(at))
        totals = await self._session.execute(
            select(window, func.sum(s.requests), func.sum(s.errors)).where(*mine).group_by(window)
        )
        # Two arrays in one FROM item unnest side by side: one row a bucket.
        pairs = func.unnest(s.bounds, s.counts).table_valued("bound", "count").render_derived().lateral()
        heights = await self._session.execute(
            select(window, pairs.c.bound, func.sum(pairs.c.count))
            .select_from(telemetry.join(pairs, onclause=telemetry.c.tenant_id == self._tenant))
            .where(*mine)
            .group_by(window, pairs.c.bound)
        )
        rows = [(int(bin_), int(n), int(x)) for bin_, n, x in totals]
        tall = [(int(bin_), float(bound), int(n)) for bin_, bound, n in heights]
        return [_until(edge, rows, tall) for edge in range(len(at))]


def _window(at: list[datetime]) -> ColumnElement[int]:
    """Which of the instants is the first that a row counts at; a row counts at its own end."""
    instants = bindparam("instants", at, type_=ARRAY(TIMESTAMP(timezone=True)), unique=True)
    just_before = telemetry.c.window_end - timedelta(microseconds=1)
    return func.width_bucket(just_before, instants, type_=Integer).label("window_number")


def _until(edge: int, rows: list[tuple[int, int, int]], tall: list[tuple[int, float, int]]) -> Counts | None:
    seen = [(requests, errors) for window, requests, errors in rows if window <= edge]
    if not seen:
        return None
    heights: dict[float, int] = {}
    for window, bound, count in tall:
        if window <= edge:
            heights[bound] = heights.get(bound, 0) + count
    buckets = _cumulative(sorted(heights.items()))
    return Counts(sum(requests for requests, _ in seen), sum(errors for _, errors in seen), buckets)


def _cumulative(rows: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    if not rows:
        return ()
    if rows[-1][0] != math.inf:
        rows = [*rows, (math.inf, 0)]
    return tuple(zip([bound for bound, _ in rows], accumulate(count for _, count in rows), strict=True))
