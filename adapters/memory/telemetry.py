"""Counts that applications report, in memory, summed to cumulative readings."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate

from adapters.memory.rows import Rows
from application.ports.records import TelemetryBatch, TelemetrySample
from domain.environments import Environment
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
        arms = [
            (await self.counted(query.environment, query.flag, variant, [at]))[0]
            for variant in (query.candidate, query.control)
        ]
        return Reading(at, *arms)

    async def counted(
        self, environment: Environment, key: str, variant: str | None, at: Sequence[datetime]
    ) -> list[Counts | None]:
        mine = [
            sample
            for sample in self._rows.samples
            if (sample.environment, sample.key) == (environment, key) and variant in {None, sample.variant}
        ]
        return [_summed([sample for sample in mine if sample.window_end <= instant]) for instant in at]


def _summed(samples: list[TelemetrySample]) -> Counts | None:
    if not samples:
        return None
    heights: Counter[float] = Counter()
    for sample in samples:
        for bound, count in sample.buckets:
            heights[bound] += count
    bounds = sorted(heights)
    if bounds and bounds[-1] != math.inf:
        bounds.append(math.inf)
    totals = accumulate(heights[bound] for bound in bounds)
    buckets = tuple(zip(bounds, totals, strict=True))
    return Counts(sum(each.requests for each in samples), sum(each.errors for each in samples), buckets)
