from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.parts import Spot
from application.ports.records import StoredFlag
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.errors import AlreadyExists, Missing
from domain.rollouts import State
from domain.rollouts.parts import Part, PartState
from domain.tenants import Tenancy
from tests.contract.homes import DEV, PRODUCTION, Home, moved_in
from tests.contract.settings import KEY, ROOT, defined, entry, put, stored


def part(home: Home, change: ChangeSet, ordinal: int = 0, **given: Any) -> Part:
    whole = {"key": "checkout", "base_version": 1, "live_version": 1, "stage": 0, "state": PartState.PENDING}
    return Part(
        change.id, ordinal, home.tenant.id, home.tenant.slug, PRODUCTION, Kind.FLAG, **{**whole, **given}
    )  # fmt: skip


def flag(version: int, definition: Json, at: datetime) -> StoredFlag:
    return StoredFlag(PRODUCTION, "checkout", version, definition, "test", None, at)


async def below(home: Home) -> UUID:
    new = uuid4()
    async with home.transaction() as tx:
        await tx.tenants.found(Tenancy(new, new.hex, "Below", tx.now, ancestors=(home.tenant.id,)))
    return new


class TestParts:
    async def test_are_kept_in_order(self, home: Home) -> None:
        change = await home.submitted()
        parts = [part(home, change, 1, key="b", held={"versions": [1]}, why="so"), part(home, change, 0, key="a")]
        async with home.transaction() as tx:
            await tx.parts.add(parts)
            await tx.parts.add([])
            assert await tx.parts.of(change.id) == [parts[1], parts[0]]
            assert await tx.parts.of(uuid4()) == []

    async def test_are_found_by_stage_and_counted_by_state(self, home: Home) -> None:
        change = await home.submitted()
        stages = [part(home, change, number, key=f"k{number}", stage=number) for number in range(3)]
        async with home.transaction() as tx:
            await tx.parts.add(stages)
            await tx.parts.save(stages[1].applied(2, 7))
        async with home.transaction() as tx:
            assert await tx.parts.of(change.id, upto_stage=1) == [stages[0], stages[1].applied(2, 7)]
            assert dict(await tx.parts.count(change.id)) == {PartState.PENDING: 2, PartState.APPLIED: 1}

    async def test_many_are_saved_at_once(self, home: Home) -> None:
        change = await home.submitted()
        parts = [part(home, change, number, key=f"k{number}") for number in range(5)]
        moved = [
            replace(
                each, base_version=2, live_version=3, stage=4, state=PartState.DRIFTED, revision=9, held=[1], why="w",
                refusals=2,
            )
            for each in parts
        ]  # fmt: skip
        async with home.transaction() as tx:
            await tx.parts.add(parts)
            await tx.parts.save(*moved[1:])
            await tx.parts.save()
        async with home.transaction() as tx:
            assert await tx.parts.of(change.id) == [parts[0], *moved[1:]]

    @pytest.mark.parametrize("twice", ["ordinal", "place"])
    async def test_no_target_has_two(self, home: Home, twice: str) -> None:
        change = await home.submitted()
        other = part(home, change, 0, key="other") if twice == "ordinal" else part(home, change, 1)
        async with home.transaction() as tx:
            await tx.parts.add([part(home, change)])
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.parts.add([other])

    async def test_tell_which_open_rollout_holds_a_target_here(self, home: Home) -> None:
        change = await home.submitted()
        async with home.transaction() as tx:
            await tx.parts.add([part(home, change), part(home, change, 1, key="beside")])
            for key in ("checkout", "beside"):
                assert [each.id for each in await tx.parts.held_by(PRODUCTION, Kind.FLAG, key)] == [change.id]
            assert await tx.parts.held_by(PRODUCTION, Kind.SETTING, "checkout") == []
            await tx.rollouts.save(home.rollout(change, state=State.CANCELLED))
            assert await tx.parts.held_by(PRODUCTION, Kind.FLAG, "checkout") == []

    async def test_are_told_what_is_newest_where_they_stand_in_tenants_below(self, home: Home) -> None:
        one, other = await below(home), await below(home)
        async with home.transaction() as tx:
            for tenant, versions in ((one, 1), (other, 2)):
                async with tx.within(tenant) as inside:
                    for version in range(versions):
                        await inside.flags.put(flag(version + 1, {}, inside.now), expected=version)
        spots = [Spot(tenant, Kind.FLAG, "checkout") for tenant in (one, other)]
        absent = [Spot(one, Kind.FLAG, "search"), Spot(other, Kind.SETTING, KEY, ROOT)]
        own = Spot(home.tenant.id, Kind.SETTING, KEY, ROOT)
        await put(home, stored(entry(home)))
        async with home.transaction() as tx:
            found = await tx.parts.newest(PRODUCTION, [own, *spots, *absent])
            assert found == {own: 1, spots[0]: 1, spots[1]: 2}
            assert await tx.parts.newest(DEV, spots) == {}
            assert (await tx.tenants.own()).id == home.tenant.id

    async def test_are_told_nothing_of_tenants_that_are_not_below(self, home: Home) -> None:
        other = await moved_in(home.store)
        async with home.transaction() as tx:
            with pytest.raises(Missing):
                await tx.parts.newest(PRODUCTION, [Spot(other.tenant.id, Kind.FLAG, "checkout")])


class TestTenantsBelow:
    async def test_are_entered_and_written_beside_each_other(self, home: Home) -> None:
        one, other = await below(home), await below(home)
        spots = [Spot(tenant, Kind.SETTING, KEY, ROOT) for tenant in (one, other)]
        for tenant in (one, other):
            async with home.store.transaction(tenant) as tx:
                await tx.settings.put_definition(defined(home, written_by=None), expected=0)
        async with home.transaction() as tx:
            entered = await tx.parts.enter(PRODUCTION, [one, other])
            assert [epoch for _, epoch in entered.values()] == [1, 1]
            for tenant, (at, _) in entered.items():
                first = entry(home, since=0, written_by=None)
                await tx.beside(tenant).settings.put(stored(replace(first, since=at)))
        async with home.transaction() as tx:
            at, epoch = (await tx.parts.enter(PRODUCTION, [one]))[one]
            found = await tx.parts.values(PRODUCTION, spots, 2)
            assert [[each.entry.version for each in found[spot]] for spot in spots] == [[1], [1]]
            await tx.beside(one).settings.end(PRODUCTION, (KEY, ROOT, 1, at))
        assert epoch == 2
        async with home.transaction() as tx:
            ends = [each[0].entry.until for each in (await tx.parts.values(PRODUCTION, spots, 2)).values()]
        assert ends == [at, None]

    async def test_are_entered_only_below(self, home: Home) -> None:
        other = await moved_in(home.store)
        async with home.transaction() as tx:
            with pytest.raises(Missing):
                await tx.parts.enter(PRODUCTION, [other.tenant.id])

    async def test_have_their_flags_held_and_put_back(self, home: Home) -> None:
        one, other = await below(home), await below(home)
        for tenant, versions in ((one, 2), (other, 1)):
            async with home.store.transaction(tenant) as tx:
                for version in range(versions):
                    written = flag(version + 1, {"v": version + 1}, tx.now)
                    await tx.flags.put(written, expected=version)
        spots = [Spot(tenant, Kind.FLAG, "checkout") for tenant in (one, other)]
        bases = {spots[0]: 1, spots[1]: 0, Spot(other, Kind.FLAG, "search"): 1}
        async with home.transaction() as tx:
            held = await tx.parts.hold(PRODUCTION, bases)
            assert held == {spots[0]: (2, {"v": 1})}
            assert await tx.parts.put_back([(one, flag(3, {"v": 1}, tx.now)), (other, flag(2, {}, tx.now))]) == [3, 2]
            assert await tx.parts.put_back([]) == []
            at = tx.now
        async with home.store.transaction(one) as tx:
            assert await tx.flags.get(PRODUCTION, "checkout") == flag(3, {"v": 1}, at)
            assert await tx.flags.version(PRODUCTION, "checkout", 3) == {"v": 1}

    async def test_have_flags_held_only_below(self, home: Home) -> None:
        other = await moved_in(home.store)
        async with home.transaction() as tx:
            with pytest.raises(Missing):
                await tx.parts.hold(PRODUCTION, {Spot(other.tenant.id, Kind.FLAG, "checkout"): 1})

    async def test_have_values_read_and_flags_put_back_only_below(self, home: Home) -> None:
        other = await moved_in(home.store)
        async with home.store.transaction(other.tenant.id) as tx:
            await tx.flags.put(flag(1, {"v": 1}, tx.now), expected=0)
        async with home.transaction() as tx:
            with pytest.raises(Missing):
                await tx.parts.values(PRODUCTION, [Spot(other.tenant.id, Kind.SETTING, KEY, ROOT)], 2)
            with pytest.raises(Missing):
                await tx.parts.put_back([(other.tenant.id, flag(2, {}, tx.now))])
        async with home.store.transaction(other.tenant.id) as tx:
            assert await tx.flags.version(PRODUCTION, "checkout", 2) is None
