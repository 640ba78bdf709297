"""Sampled contexts, in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from adapters.memory.rows import Rows, as_stored
from application.ports.flag_samples import Sampled, StoredSampling
from domain.environments import Environment
from domain.flags.sampling import Sample
from domain.rollouts import StaleGeneration

_HOUR: Final = timedelta(hours=1)


class MemoryFlagSamples:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def sampling(self, environment: Environment, *, lock: bool = False) -> StoredSampling | None:
        del lock  # a transaction has the whole store to itself
        return self._rows.flag_samplings.get(environment)

    async def put_sampling(self, stored: StoredSampling, *, keep: bool) -> None:
        before = self._rows.flag_samplings.get(stored.environment)
        if (before.version if before else 0) != stored.version - 1:
            raise StaleGeneration(key="flag-sampling", expected=stored.version - 1)
        self._rows.flag_samplings[stored.environment] = stored
        self._cut(stored.environment, stored.sampling.capacity if keep else 0)

    async def add(self, stored: StoredSampling, samples: Sequence[Sample]) -> None:
        for each in samples:
            place = (stored.environment, each.mark)
            before = self._rows.flag_samples.get(place)
            if before is None:
                self._rows.flag_samples[place] = (Sample(each.mark, as_stored(dict(each.context))), self._now)
            elif before[1] <= self._now - _HOUR:
                self._rows.flag_samples[place] = (before[0], self._now)
        self._cut(stored.environment, stored.sampling.capacity)

    async def samples(self, environment: Environment, since: datetime) -> list[Sample]:
        mine = self._of(environment)
        return [Sample(mark, as_stored(mine[mark][0].context)) for mark in sorted(mine) if mine[mark][1] >= since]

    async def sampled(self, environment: Environment) -> Sampled:
        seen = [at for _, at in self._of(environment).values()]
        return Sampled(len(seen), min(seen, default=None))

    async def forget(self, before: datetime) -> None:
        for place in [place for place, (_, seen) in self._rows.flag_samples.items() if seen < before]:
            del self._rows.flag_samples[place]

    def _of(self, environment: Environment) -> dict[bytes, tuple[Sample, datetime]]:
        return {mark: found for (place, mark), found in self._rows.flag_samples.items() if place is environment}

    def _cut(self, environment: Environment, capacity: int) -> None:
        for mark in sorted(self._of(environment))[capacity:]:
            del self._rows.flag_samples[environment, mark]


def has_old_samples(rows: Rows, before: datetime) -> bool:
    return any(seen < before for _, seen in rows.flag_samples.values())
