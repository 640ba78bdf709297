"""Counts that applications report, in memory, summed to cumulative readings."""

import math
from collections import Counter
from datetime import datetime
from itertools import accumulate

from adapters.memory.rows import Rows
from application.ports.records import TelemetryBatch
from domain.gates import Counts, MetricQuery, Reading


class MemoryTelemetry:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, batch: TelemetryBatch) -> bool:
        if (batch.source, batch.id) in self._rows.batches:
            return False
        self._rows.batches.add((batch.source, batch.id))
        self._rows.samples.extend(batch.samples)
        return True

    async def reading(self, query: MetricQuery, at: datetime) -> Reading:
        return Reading(at, self._counts(query, query.candidate, at), self._counts(query, query.control, at))

    def _counts(self, query: MetricQuery, variant: str, at: datetime) -> Counts | None:
        wanted = (query.environment, query.flag, variant)
        mine = [s for s in self._rows.samples if (s.environment, s.key, s.variant) == wanted and s.window_end <= at]
        if not mine:
            return None
        heights: Counter[float] = Counter()
        for sample in mine:
            for bound, count in sample.buckets:
                heights[bound] += count
        bounds = sorted(heights)
        if bounds and bounds[-1] != math.inf:
            bounds.append(math.inf)
        totals = accumulate(heights[bound] for bound in bounds)
        buckets = tuple(zip(bounds, totals, strict=True))
        return Counts(sum(s.requests for s in mine), sum(s.errors for s in mine), buckets)
