"""Counts that applications report, in memory, summed to cumulative readings."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from adapters.memory.rows import Rows
from adapters.memory.tenants import Stage
from application.ports.records import TelemetryBatch, TelemetrySample
from domain.environments import Environment
from domain.gates import Counts


class MemoryTelemetry:
    def __init__(self, rows: Rows, stage: Stage, home: UUID) -> None:
        self._rows = rows
        self._stage = stage
        self._home = home

    async def add(self, batch: TelemetryBatch) -> bool:
        if (batch.source, batch.id) in self._rows.batches:
            return False
        self._rows.batches.add((batch.source, batch.id))
        self._rows.samples.extend(batch.samples)
        return True

    async def counted(
        self, environment: Environment, key: str, variant: str, at: Sequence[datetime]
    ) -> list[Counts | None]:
        mine = [sample for sample in _about(self._rows, environment, key) if sample.variant == variant]
        return _until(mine, at)

    async def counted_below(
        self, tenants: Sequence[UUID], environment: Environment, key: str, at: Sequence[datetime]
    ) -> dict[UUID, list[Counts | None]]:
        here = [each for each in tenants if self._stage.below(self._home, each)]
        found = {each: _until(_about(self._stage.rows_of(each), environment, key), at) for each in here}
        return {each: counts for each, counts in found.items() if counts[-1] is not None}


def _about(rows: Rows, environment: Environment, key: str) -> list[TelemetrySample]:
    return [sample for sample in rows.samples if (sample.environment, sample.key) == (environment, key)]


def _until(samples: list[TelemetrySample], at: Sequence[datetime]) -> list[Counts | None]:
    return [_summed([sample for sample in samples if sample.window_end <= instant]) for instant in at]


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
