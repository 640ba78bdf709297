from dataclasses import replace
from uuid import uuid4

import pytest

from application.ports.tenants import StoredLock, StoredTemplate
from domain.errors import AlreadyExists
from domain.settings.scopes import LOCKS
from domain.tenants import Quota
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home
from tests.contract.settings import entry, stored
from tests.contract.test_store_tenants import NEWEST, add_definition


class TestTemplates:
    async def test_every_version_is_kept(self, home: Home) -> None:
        request = uuid4()
        first = StoredTemplate("subsidiary", 1, {"a": 1}, home.ada.id, LONG_AGO, "because", request)
        second = replace(first, version=2, content={"a": 2}, request=None)
        async with home.transaction() as tx:
            await tx.tenant_templates.put(first)
            await tx.tenant_templates.put(second)
            await tx.tenant_templates.put(replace(second, name="other", version=1))
        async with home.transaction() as tx:
            assert await tx.tenant_templates.get("subsidiary") == second
            assert await tx.tenant_templates.get("subsidiary", 1) == first
            assert await tx.tenant_templates.get("subsidiary", 3) is None
            assert await tx.tenant_templates.asked(request) == first
            assert await tx.tenant_templates.versions("subsidiary", NEWEST, 9) == [second, first]
            assert [each.name for each in await tx.tenant_templates.page("", 9)] == ["other", "subsidiary"]
            assert (await tx.tenants.used())[Quota.TEMPLATES] == 2

    async def test_a_version_is_written_once(self, home: Home) -> None:
        first = StoredTemplate("subsidiary", 1, {}, None, LONG_AGO, "because")
        async with home.transaction() as tx:
            await tx.tenant_templates.put(first)
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.tenant_templates.put(first)


@pytest.mark.req("FR-CFG-001")
class TestLocks:
    async def test_every_version_is_kept_and_what_was_let_go_does_not_stand(self, home: Home) -> None:
        request = uuid4()
        first = StoredLock(
            PRODUCTION, "limit", 1, {"enforced": True, "value": None}, home.ada.id, LONG_AGO, "so", request
        )
        other = replace(first, key="other", request=None)
        released = replace(first, version=2, lock=None, request=None)
        async with home.transaction() as tx:
            for each in (first, other, replace(other, environment=DEV)):
                await tx.tenant_locks.put(each)
        async with home.transaction() as tx:
            assert await tx.tenant_locks.standing(PRODUCTION, "", 9) == [first, other]
            await tx.tenant_locks.put(released)
            assert await tx.tenant_locks.get(PRODUCTION, "limit") == released
            assert await tx.tenant_locks.asked(request) == first
            assert await tx.tenant_locks.standing(PRODUCTION, "", 9) == [other]
            assert await tx.tenant_locks.standing(PRODUCTION, "other", 9) == []
            assert await tx.tenant_locks.get(DEV, "limit") is None

    async def test_a_version_is_written_once(self, home: Home) -> None:
        lock = StoredLock(PRODUCTION, "limit", 1, {"enforced": False, "value": 1}, None, LONG_AGO, "so")
        async with home.transaction() as tx:
            await tx.tenant_locks.put(lock)
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.tenant_locks.put(lock)

    async def test_an_entry_knows_who_above_said_it(self, home: Home) -> None:
        said = stored(entry(home, above="acme"), "limit", LOCKS[0], origin="lock:acme")
        async with home.transaction() as tx:
            await add_definition(tx, home, "limit")
            await tx.settings.put(said, stored(entry(home), "limit"))
        async with home.transaction() as tx:
            found = await tx.settings.entries(PRODUCTION, ["limit"], LOCKS, LONG_AGO)
            picture = await tx.settings.picture(PRODUCTION)
            around = await tx.settings.around(PRODUCTION, ["limit"], [*LOCKS, "company:de"], LONG_AGO)
        assert [each.entry.above for each in found] == ["acme"]
        assert {each.scope: each.entry.above for each in picture.entries} == {"~0": "acme", "": None}
        assert {each.scope for each in around} == {"~0", ""}
