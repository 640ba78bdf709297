"""Wrapped data keys are kept apart from what they seal; adapters.memory.sealed_keys and PostgreSQL answer alike."""

from collections import Counter

import pytest

from adapters.memory.sealed_keys import MemorySealedKeys
from adapters.postgres.sealed_keys import PostgresSealedKeys
from application.ports.sealed_keys import SealedKey, SealedKeys
from application.ports.secrets import Wrapped
from domain.errors import AlreadyExists
from tests.contract.homes import Home, moved_in


def both_answer(memory: MemorySealedKeys, postgres: PostgresSealedKeys) -> tuple[SealedKeys, SealedKeys]:
    return memory, postgres


def key(number: int, kek: str = "0001") -> SealedKey:
    return SealedKey(f"{number:032x}", Wrapped(kek, b"\x00\xff" + kek.encode() + bytes([number])))


class TestSealedKeys:
    async def test_come_back_as_they_were_added(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.sealed_keys.get(key(1).seal) is None
            await tx.sealed_keys.add()
            await tx.sealed_keys.add(key(1), key(2, "0002"))
        async with home.transaction() as tx:
            assert await tx.sealed_keys.get(key(1).seal) == key(1)
            assert await tx.sealed_keys.get(key(2).seal) == key(2, "0002")

    async def test_are_one_each(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.sealed_keys.add(key(1))
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.sealed_keys.add(key(1))

    async def test_under_others_go_by_page(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.sealed_keys.add(key(3), key(1), key(2, "0002"), key(4))
        async with home.transaction() as tx:
            assert await tx.sealed_keys.under_others("0002", "", 2) == [key(1), key(3)]
            assert await tx.sealed_keys.under_others("0002", key(3).seal, 2) == [key(4)]
            assert await tx.sealed_keys.under_others("0003", "", 9) == [key(1), key(2, "0002"), key(3), key(4)]

    async def test_change_only_where_nobody_else_changed_them(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.sealed_keys.add(key(1), key(2))
        async with home.transaction() as tx:
            assert await tx.sealed_keys.rewrap() == 0
            assert await tx.sealed_keys.rewrap((key(1), key(1, "0002").wrapped)) == 1
            late = [(key(1), key(1, "0003").wrapped), (key(2), key(2, "0003").wrapped)]
            assert await tx.sealed_keys.rewrap(*late) == 1
        async with home.transaction() as tx:
            assert await tx.sealed_keys.get(key(1).seal) == key(1, "0002")
            assert await tx.sealed_keys.get(key(2).seal) == key(2, "0003")

    async def test_are_counted_across_tenants(self, home: Home) -> None:
        other = await moved_in(home.store)
        for place, keys in ((home, (key(1), key(2), key(3, "0002"))), (other, (key(1),))):
            async with place.transaction() as tx:
                await tx.sealed_keys.add(*keys)
        found = Counter({(each.tenant, each.kek): each.found for each in await home.store.sealed_keys()})
        assert [found[home.tenant.id, "0001"], found[home.tenant.id, "0002"], found[other.tenant.id, "0001"]] == [
            2,
            1,
            1,
        ]

    async def test_of_another_tenant_are_not_seen(self, home: Home) -> None:
        other = await moved_in(home.store)
        async with home.transaction() as tx:
            await tx.sealed_keys.add(key(1))
        async with other.transaction() as tx:
            assert await tx.sealed_keys.get(key(1).seal) is None
            assert await tx.sealed_keys.under_others("0009", "", 9) == []
            assert await tx.sealed_keys.rewrap((key(1), key(1, "0002").wrapped)) == 0
