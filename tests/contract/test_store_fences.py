from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.ports.fences import FenceFilter
from domain.errors import AlreadyExists, Stale
from domain.fences import EpochUnknown, FenceState, RemoteModule, RemoteModuleMissing
from domain.periods import StaleEpoch
from tests.contract.fencing import RUN, Fenced, fenced, said
from tests.contract.homes import LONG_AGO, Home, moved_in


@pytest.fixture
async def place(home: Home) -> Fenced:
    return await fenced(home)


class TestModules:
    async def test_are_kept_over_the_version_before(self, place: Fenced) -> None:
        async with place.home.transaction() as tx:
            first = await tx.fences.module("AP", lock=True)
            assert first == RemoteModule("AP", "Payables", "AP", place.speaker.id)
            second = replace(first, name="Creditors", entities=frozenset({"de"}), in_service=False, version=2)
            await tx.fences.put_module(second)
            assert await tx.fences.module("AP") == second
            assert await tx.fences.module("INV") is None
        for stale in (first, second, replace(second, version=4)):
            with pytest.raises(Stale):
                async with place.home.transaction() as tx:
                    await tx.fences.put_module(stale)

    async def test_serve_their_scope_and_entities_in_the_order_of_their_codes(self, place: Fenced) -> None:
        speaker = place.speaker.id
        async with place.home.transaction() as tx:
            for module in (
                RemoteModule("AP-DE", "Payables of Germany", "AP", speaker, frozenset({"de", "at"})),
                RemoteModule("AP-AT", "Payables of Austria", "AP", speaker, frozenset({"at"})),
                RemoteModule("AP-OLD", "The old one", "AP", speaker, in_service=False),
                RemoteModule("GL", "Another ledger", "GL", speaker),
            ):
                await tx.fences.put_module(module)
            assert [each.code for each in await tx.fences.serving("de", "AP")] == ["AP", "AP-DE"]
            assert [each.code for each in await tx.fences.serving("de", "GL")] == ["GL"]
            assert [each.code for each in await tx.fences.modules("AP", 2)] == ["AP-AT", "AP-DE"]


class TestFences:
    async def test_are_there_as_they_were_put_up(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        async with place.home.transaction() as tx:
            assert await tx.fences.get(fence.id) == fence
            assert await tx.fences.newest("AP", place.key) == fence
            assert await tx.fences.newest_at([place.key, replace(place.key, scope="GL")]) == {("AP", place.key): fence}
            assert await tx.fences.of_run(RUN) == [fence]
            assert await tx.fences.get(uuid4()) is None
            assert await tx.fences.newest("INV", place.key) is None
            assert await tx.fences.of_run(UUID(int=1)) == []
        assert (fence.epoch, fence.period.begins.isoformat(), fence.gate.posting) == (2, "2024-03-01", "adjust_only")

    async def test_are_one_for_each_epoch(self, place: Fenced) -> None:
        fence = await place.asked("opened")
        with pytest.raises(AlreadyExists):
            async with place.home.transaction() as tx:
                await tx.fences.add(replace(fence, id=uuid4()))

    async def test_keep_what_was_said(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        after = fence.acknowledged(said(2), place.speaker.id, LONG_AGO)
        async with place.home.transaction() as tx:
            await tx.fences.save(after)
        async with place.home.transaction() as tx:
            assert await tx.fences.get(fence.id) == after

    async def test_keep_who_went_on_without_them(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        after = fence.reminded(2).excluded(place.home.ada.id, LONG_AGO, "it is being replaced")
        async with place.home.transaction() as tx:
            await tx.fences.save(after)
        async with place.home.transaction() as tx:
            assert await tx.fences.get(fence.id) == after

    async def test_are_listed_newest_first(self, place: Fenced) -> None:
        first = await place.asked("opened", run=None)
        second = await place.asked("soft_closed")
        async with place.home.transaction() as tx:
            await tx.fences.save(second.acknowledged(said(2), place.speaker.id, LONG_AGO))
        third = await place.asked("frozen")

        async def listed(before: Any = None, limit: int = 9, **wanted: Any) -> list[UUID]:
            async with place.home.transaction() as tx:
                return [each.id for each in await tx.fences.page(FenceFilter(**wanted), before, limit)]

        assert await listed() == [third.id, second.id, first.id]
        assert await listed(limit=1) == [third.id]
        assert await listed((third.asked_at, third.id)) == [second.id, first.id]
        assert await listed(module="AP", run=RUN) == [third.id, second.id]
        assert await listed(state=FenceState.SUPERSEDED) == [first.id]
        assert await listed(outstanding=True) == [third.id]
        assert await listed(module="INV") == []


class TestEpochs:
    @pytest.mark.req("FP54")
    async def test_of_before_an_exclusion_are_stale_until_the_module_speaks(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        await place.check(1)
        async with place.home.transaction() as tx:
            await tx.fences.save(fence.excluded(place.home.ada.id, LONG_AGO, "it is being replaced"))
        with pytest.raises(StaleEpoch) as refused:
            await place.check(1)
        assert refused.value.facts == {"module": "AP", "entity": "de", "scope": "AP", "epoch": 2, "given": 1}
        await place.check(2)
        closed = await place.asked("closed", run=None)
        with pytest.raises(StaleEpoch):
            await place.check(2)
        async with place.home.transaction() as tx:
            await tx.fences.save(closed.acknowledged(said(3), place.speaker.id, LONG_AGO + timedelta(days=1)))
        await place.check(1)

    async def test_that_never_were_are_refused(self, place: Fenced) -> None:
        with pytest.raises(EpochUnknown) as refused:
            await place.check(1)
        assert refused.value.facts["epoch"] == 0
        await place.move("opened")
        await place.check(1)
        with pytest.raises(EpochUnknown):
            await place.check(2)

    async def test_are_asked_of_modules_in_service_alone(self, place: Fenced) -> None:
        await place.move("opened")
        with pytest.raises(RemoteModuleMissing) as refused:
            await place.check(1, "INV")
        assert refused.value.facts == {"code": "INV"}
        async with place.home.transaction() as tx:
            module = await tx.fences.module("AP", lock=True)
            await tx.fences.put_module(replace(module, entities=frozenset({"at"}), version=2))
        with pytest.raises(RemoteModuleMissing):
            await place.check(1)
        async with place.home.transaction() as tx:
            await tx.fences.put_module(replace(module, in_service=False, version=3))
        with pytest.raises(RemoteModuleMissing):
            await place.check(1)


class TestNeighbours:
    async def test_have_modules_and_fences_of_their_own(self, store: PostgresStore) -> None:
        ours, theirs = [await fenced(await moved_in(store)) for _ in range(2)]
        fence = await ours.asked("opened")
        async with theirs.home.transaction() as tx:
            assert await tx.fences.get(fence.id) is None
            assert await tx.fences.page(FenceFilter(), None, 9) == []
