from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from adapters.memory.flag_samples import MemoryFlagSamples
from application.ports.flag_samples import Sampled, StoredSampling
from application.ports.purging import OldSamples
from domain.environments import Environment
from domain.flags.sampling import Sample, Sampling
from domain.rollouts import StaleGeneration
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home, moved_in

TWINS = (MemoryFlagSamples,)
CHOSEN = Sampling(frozenset({"plan", "country"}), frozenset({"targetingKey"}), 3)
HOUR = timedelta(hours=1)


def chosen(home: Home, version: int = 1, **given: Any) -> StoredSampling:
    stored = StoredSampling(PRODUCTION, version, CHOSEN, b"s" * 32, home.ada.id, LONG_AGO, UUID(int=7))
    return replace(stored, **given)


def sample(number: int, **context: Any) -> Sample:
    return Sample(bytes([number]) * 16, context or {"plan": "gold", "seats": number, "share": 1.5})


async def put(home: Home, stored: StoredSampling, *, keep: bool = False) -> None:
    async with home.transaction() as tx:
        await tx.flag_samples.put_sampling(stored, keep=keep)


async def add(home: Home, stored: StoredSampling, samples: Sequence[Sample]) -> None:
    async with home.transaction() as tx:
        await tx.flag_samples.add(stored, samples)


async def held(home: Home, environment: Environment = PRODUCTION) -> list[Sample]:
    async with home.transaction() as tx:
        found: list[Sample] = await tx.flag_samples.samples(environment, LONG_AGO)
        return found


@pytest.mark.req("BR1")
class TestChoice:
    async def test_the_newest_is_read_and_an_older_is_not_written(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.flag_samples.sampling(PRODUCTION) is None
        first, second = chosen(home), chosen(home, 2, sampling=Sampling(), secret=b"", request=None)
        await put(home, first)
        await put(home, second)
        for old in (first, second, chosen(home, 4)):
            with pytest.raises(StaleGeneration):
                await put(home, old)
        async with home.transaction() as tx:
            assert await tx.flag_samples.sampling(PRODUCTION, lock=True) == second
            assert await tx.flag_samples.sampling(DEV) is None

    async def test_what_was_sampled_goes_or_is_kept_as_far_as_there_is_room(self, home: Home) -> None:
        await put(home, chosen(home))
        await put(home, chosen(home, environment=DEV))
        for place in (chosen(home), chosen(home, environment=DEV)):
            await add(home, place, [sample(3), sample(1), sample(2)])
        await put(home, chosen(home, 2, sampling=replace(CHOSEN, capacity=2)), keep=True)
        assert await held(home) == [sample(1), sample(2)]
        await put(home, chosen(home, 3), keep=False)
        assert await held(home) == []
        assert len(await held(home, DEV)) == 3


@pytest.mark.req("BR3")
class TestSamples:
    async def test_those_with_the_smallest_marks_stay_each_once(self, home: Home) -> None:
        place = chosen(home)
        await put(home, place)
        await add(home, place, [])
        await add(home, place, [sample(5), sample(4), sample(5)])
        await add(home, place, [sample(9), sample(4)])
        assert await held(home) == [sample(4), sample(5), sample(9)]
        await add(home, place, [sample(7), sample(8), sample(10), sample(1)])
        assert await held(home) == [sample(1), sample(4), sample(5)]
        await add(home, place, [sample(6), sample(7)])
        assert await held(home) == [sample(1), sample(4), sample(5)]
        assert await held(home, DEV) == []

    async def test_they_are_counted_and_forgotten_in_time(self, home: Home) -> None:
        place = chosen(home)
        await put(home, place)
        async with home.transaction() as tx:
            assert await tx.flag_samples.sampled(PRODUCTION) == Sampled(0, None)
        await add(home, place, [sample(1), sample(2)])
        async with home.transaction() as tx:
            now, samples = tx.now, tx.flag_samples
            found = await samples.sampled(PRODUCTION)
            assert (found.contexts, now - HOUR < found.since <= now) == (2, True)
            await samples.forget(now - HOUR)
            assert len(await samples.samples(PRODUCTION, LONG_AGO)) == 2
            assert await samples.samples(PRODUCTION, now + HOUR) == []
        store = cast("OldSamples", home.store)
        assert home.tenant.id not in await store.tenants_of_old_samples(now - HOUR)
        assert home.tenant.id in await store.tenants_of_old_samples(now + HOUR)
        async with home.transaction() as tx:
            await tx.flag_samples.forget(now + HOUR)
        assert await held(home) == []
        assert home.tenant.id not in await store.tenants_of_old_samples(now + HOUR)

    async def test_another_tenant_sees_none(self, home: Home) -> None:
        await put(home, chosen(home))
        await add(home, chosen(home), [sample(1)])
        other = await moved_in(home.store)
        async with other.transaction() as tx:
            assert await tx.flag_samples.sampling(PRODUCTION) is None
            assert await tx.flag_samples.samples(PRODUCTION, LONG_AGO) == []
            await tx.flag_samples.forget(tx.now + HOUR)
        assert await held(home) == [sample(1)]
