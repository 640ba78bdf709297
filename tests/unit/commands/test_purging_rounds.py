"""A round goes through every tenant that has old commands, and one that fails holds no other up."""

from typing import Any
from uuid import UUID

import pytest

from adapters.memory.store import MemoryStore
from application.commands.purging import Purging
from tests.contract.aged import RETENTION, Old
from tests.contract.homes import moved_in
from tests.contract.ordering import catalogued, journal


@pytest.mark.req("CB-08")
async def test_a_round_purges_in_every_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = MemoryStore()
    first, second, empty = [Old(await catalogued(await moved_in(store))) for _ in range(3)]
    for each in (first, second):
        for place in range(5):
            await each.ended(journal(str(place)), 31)
    purging = Purging(store, RETENTION, most=2)
    purge = purging.purge

    async def fails(tenant: UUID) -> int:
        if tenant == first.home.tenant.id:
            raise ZeroDivisionError
        return await purge(tenant)

    with monkeypatch.context() as patched:
        patched.setattr(purging, "purge", fails)
        assert await purging.look() == 5
    assert [len(await each.there(*"01234")) for each in (first, second)] == [5, 0]
    assert await purging.look() == 5
    assert await purging.look() == 0
    assert (await empty.told(), len(await first.told())) == ([], 3)
