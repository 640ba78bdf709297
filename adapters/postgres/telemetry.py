"""Counts that applications report, summed to cumulative readings."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, ColumnElement, Integer, bindparam, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import telemetry, telemetry_batch
from application.ports.records import TelemetryBatch
from domain.environments import Environment
from domain.gates import Counts

_BELOW = text(
    "SELECT tenant_id, instant, bound, requests, errors FROM count_telemetry(CAST(:tenants AS uuid[]), :environment,"
    " :key, CAST(:instants AS timestamptz[]))"
)


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

    async def counted(
        self, environment: Environment, key: str, variant: str, at: Sequence[datetime]
    ) -> list[Counts | None]:
        s = telemetry.c
        mine = [s.environment == environment, s.key == key, s.variant == variant, s.window_end <= at[-1]]
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
        found = _Counted()
        for instant, requests, errors in totals:
            found.totals[instant] = (int(requests), int(errors))
        for instant, bound, count in heights:
            found.heights[instant].append((float(bound), int(count)))
        return found.until_each(len(at))

    async def counted_below(
        self, tenants: Sequence[UUID], environment: Environment, key: str, at: Sequence[datetime]
    ) -> dict[UUID, list[Counts | None]]:
        asked = {"tenants": list(tenants), "environment": environment.value, "key": key, "instants": list(at)}
        found: defaultdict[UUID, _Counted] = defaultdict(_Counted)
        for tenant, instant, bound, requests, errors in await self._session.execute(_BELOW, asked):
            if bound is None:
                found[tenant].totals[instant] = (requests, errors)
            else:
                found[tenant].heights[instant].append((bound, requests))
        return {tenant: counted.until_each(len(at)) for tenant, counted in found.items()}


def _window(at: list[datetime]) -> ColumnElement[int]:
    """Which of the instants is the first that a row counts at; a row counts at its own end."""
    instants = bindparam("instants", at, type_=ARRAY(TIMESTAMP(timezone=True)), unique=True)
    just_before = telemetry.c.window_end - timedelta(microseconds=1)
    return func.width_bucket(just_before, instants, type_=Integer).label("window_number")


@dataclass(frozen=True)
class _Counted:
    """What was counted first at each instant, by its number."""

    totals: dict[int, tuple[int, int]] = field(default_factory=dict)
    heights: defaultdict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def until_each(self, instants: int) -> list[Counts | None]:
        """Everything until each instant."""
        requests = errors = 0
        heights: Counter[float] = Counter()
        first = min(self.totals, default=instants)
        found: list[Counts | None] = [None] * first
        for instant in range(first, instants):
            more = self.totals.get(instant, (0, 0))
            requests, errors = requests + more[0], errors + more[1]
            for bound, count in self.heights.get(instant, ()):
                heights[bound] += count
            found.append(Counts(requests, errors, _cumulative(sorted(heights.items()))))
        return found


def _cumulative(rows: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    if not rows:
        return ()
    if rows[-1][0] != math.inf:
        rows = [*rows, (math.inf, 0)]
    return tuple(zip([bound for bound, _ in rows], accumulate(count for _, count in rows), strict=True))
