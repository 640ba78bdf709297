from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.records import AuditFilter
from application.ports.settings import StoredDefinition
from application.ports.tenants import StoredTemplate, TenantFilter
from domain.errors import Missing
from domain.flags import WHOLE
from domain.people import Principal
from domain.tenants import Quota, QuotaExceeded, Status, Tenancy, TenantNameTaken, Tier
from tests.contract.homes import LONG_AGO, Home
from tests.contract.settings import entry, stored

NEWEST = 2**62


def below(home: Home, **given: Any) -> Tenancy:
    made: dict[str, Any] = {"tier": Tier.PRO, "parent": home.tenant.slug, "ancestors": (home.tenant.id,)}
    made |= {"slug": f"k-{uuid4().hex[:12]}", "name": "Kid", "created_at": LONG_AGO}
    return Tenancy(uuid4(), **(made | given))


async def founded(home: Home, **given: Any) -> Tenancy:
    new = below(home, **given)
    async with home.transaction() as tx:
        await tx.tenants.found(new)
    return new


async def moved(home: Home, tenancy: Tenancy) -> None:
    async with home.transaction() as tx, tx.within(tenancy.id) as inside:
        await inside.tenants.save(tenancy, None)


class TestTree:
    async def test_a_tenant_below_is_seen_from_above_and_not_from_below(self, home: Home) -> None:
        kid = await founded(home)
        grandkid = await founded(home, ancestors=(home.tenant.id, kid.id), parent=kid.slug)
        async with home.transaction() as tx:
            assert await tx.tenants.find(kid.slug) == kid
            assert await tx.tenants.find(grandkid.slug) == grandkid
            async with tx.within(kid.id) as inside:
                assert await inside.tenants.own() == replace(kid, parent=None)
                assert await inside.tenants.find(home.tenant.slug) is None
                assert [each.id for each in await inside.tenants.page(TenantFilter(), "", 9)] == [
                    each.id for each in sorted((kid, grandkid), key=lambda each: each.slug)
                ]

    async def test_nobody_steps_up_or_aside(self, home: Home) -> None:
        kid, sibling = await founded(home), await founded(home)
        for elsewhere in (home.tenant.id, sibling.id, uuid4()):
            async with home.store.transaction(kid.id) as tx:
                with pytest.raises(Missing):
                    await tx.within(elsewhere).__aenter__()

    async def test_what_is_written_within_is_of_that_tenant(self, home: Home) -> None:
        kid = await founded(home)
        async with home.transaction() as tx:
            async with tx.within(kid.id) as inside:
                await inside.flags.put(home.flag(), expected=0)
                await inside.audit.append(replace(home.event(), tenant=kid.id))
            assert await tx.flags.get(home.flag().environment, "checkout") is None
        async with home.store.transaction(kid.id) as tx:
            assert await tx.flags.get(home.flag().environment, "checkout") is not None

    async def test_after_a_failure_within_the_transaction_is_its_own_again(self, home: Home) -> None:
        kid = await founded(home)
        async with home.transaction() as tx:
            with pytest.raises(ZeroDivisionError):
                async with tx.within(kid.id):
                    raise ZeroDivisionError
            assert (await tx.tenants.own()).id == home.tenant.id
            assert len(await tx.people.all()) == 2

    async def test_nothing_is_left_of_what_failed(self, home: Home) -> None:
        new = below(home)

        async def fail() -> None:
            async with home.transaction() as tx:
                await tx.tenants.found(new)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with home.transaction() as tx:
            assert await tx.tenants.find(new.slug) is None
            assert (await tx.tenants.used())[Quota.TENANTS] == 0

    async def test_a_slug_is_taken_once(self, home: Home) -> None:
        kid = await founded(home)
        with pytest.raises(TenantNameTaken):
            await founded(home, slug=kid.slug)

    async def test_a_request_is_remembered(self, home: Home) -> None:
        kid, request = await founded(home), uuid4()
        async with home.transaction() as tx, tx.within(kid.id) as inside:
            before = await inside.tenants.own(lock=True)
            await inside.tenants.save(before.suspended(LONG_AGO), request)
        async with home.transaction() as tx, tx.within(kid.id) as inside:
            assert await inside.tenants.asked(request)
            assert not await inside.tenants.asked(uuid4())


class TestStanding:
    async def test_what_is_above_closes_what_is_below(self, home: Home) -> None:
        kid = await founded(home)
        grandkid = await founded(home, ancestors=(home.tenant.id, kid.id), parent=kid.slug)
        moves = {
            Status.SUSPENDED: kid.suspended(LONG_AGO),
            Status.DELETED: kid.deleted(LONG_AGO),
            Status.ACTIVE: kid,
        }
        for version, (expected, change) in enumerate(moves.items(), 2):
            await moved(home, replace(change, version=version))
            async with home.store.transaction(grandkid.id) as tx:
                assert await tx.tenants.standing() is expected

    async def test_members_of_what_is_deleted_are_none(self, home: Home) -> None:
        kid, subject = await founded(home), uuid4().hex
        async with home.store.transaction(kid.id) as tx:
            await tx.people.admit(Principal(kid.id, uuid4(), "iss", subject, "zoe"))
        assert [(p[0].slug, p[0].suspended) for p in await home.store.memberships("iss", subject)] == [
            (kid.slug, False)
        ]
        await moved(home, kid.suspended(LONG_AGO))
        assert [(p[0].slug, p[0].suspended) for p in await home.store.memberships("iss", subject)] == [(kid.slug, True)]
        await moved(home, replace(kid.deleted(LONG_AGO), version=3))
        assert await home.store.memberships("iss", subject) == []

    async def test_pages_are_narrowed(self, home: Home) -> None:
        gone, free = await founded(home), await founded(home, tier=Tier.FREE)
        await moved(home, gone.deleted(LONG_AGO))
        async with home.transaction() as tx:
            assert [each.id for each in await tx.tenants.page(TenantFilter(Status.DELETED), "", 9)] == [gone.id]
            assert [each.id for each in await tx.tenants.page(TenantFilter(tier=Tier.FREE), "", 9)] == [free.id]
            assert await tx.tenants.page(TenantFilter(Status.SUSPENDED), "", 9) == []


async def add_flag(tx: Any, home: Home, name: str) -> None:
    await tx.flags.put(home.flag(key=name), expected=0)


async def add_definition(tx: Any, home: Home, name: str) -> None:
    definition = {"key": name, "type": "string"}
    await tx.settings.put_definition(StoredDefinition(name, 1, definition, None, LONG_AGO), expected=0)


async def add_person(tx: Any, home: Home, name: str) -> None:
    await tx.people.admit(Principal(tx.tenant, uuid4(), "iss", f"{name}-{uuid4()}", name))


async def add_tenant(tx: Any, home: Home, name: str) -> None:
    del name
    ancestors = (home.tenant.id, tx.tenant)
    await tx.tenants.found(below(home, ancestors=ancestors, tier=Tier.FREE))


async def add_template(tx: Any, home: Home, name: str) -> None:
    await tx.tenant_templates.put(StoredTemplate(name, 1, {}, None, LONG_AGO, "because"))


ADDED = {
    Quota.FLAGS: add_flag,
    Quota.SETTING_DEFINITIONS: add_definition,
    Quota.PEOPLE: add_person,
    Quota.TENANTS: add_tenant,
    Quota.TEMPLATES: add_template,
}


@pytest.mark.req("FR-CFG-001")
class TestQuotas:
    @pytest.mark.parametrize("quota", list(ADDED), ids=str)
    async def test_one_more_than_there_may_be_is_refused_with_all_that_came_with_it(
        self, home: Home, quota: Quota
    ) -> None:
        kid = await founded(home, quotas={quota: 2})
        for name in ("a1", "b2"):
            async with home.store.transaction(kid.id) as tx:
                await ADDED[quota](tx, home, name)

        async def one_more() -> None:
            async with home.store.transaction(kid.id) as tx:
                await tx.audit.append(replace(home.event(), tenant=kid.id))
                await ADDED[quota](tx, home, "c3")

        with pytest.raises(QuotaExceeded) as refused:
            await one_more()
        assert refused.value.facts == {"quota": quota.value, "limit": 2, "used": 2}
        assert await used(home, kid.id, quota) == 2
        async with home.store.transaction(kid.id) as tx:
            assert await tx.audit.page(AuditFilter(action="flag:definition:created"), None, 9) == []

    async def test_a_value_counts_once_for_each_place(self, home: Home) -> None:
        kid = await founded(home, quotas={Quota.SETTING_VALUES: 2})
        async with home.store.transaction(kid.id) as tx:
            await add_definition(tx, home, "limit")
            await tx.settings.put(stored(entry(home), "limit"), stored(entry(home), "limit", "company:de"))
        assert await used(home, kid.id, Quota.SETTING_VALUES) == 2
        with pytest.raises(QuotaExceeded):
            async with home.store.transaction(kid.id) as tx:
                await tx.settings.put(stored(entry(home), "limit", "company:fr"))

    async def test_what_is_full_can_still_be_changed(self, home: Home) -> None:
        kid = await founded(home, quotas={Quota.FLAGS: 1})
        async with home.store.transaction(kid.id) as tx:
            await add_flag(tx, home, "one")
        async with home.store.transaction(kid.id) as tx:
            await tx.flags.put(home.flag(2, "one"), expected=1)
            for key, content in WHOLE.items():  # which are no flags
                await tx.flags.put(replace(home.flag(key=key), definition=content), expected=0)

    async def test_a_limit_below_what_is_there_lets_nothing_more_in_until_it_rises(self, home: Home) -> None:
        kid = await founded(home)
        async with home.store.transaction(kid.id) as tx:
            await add_flag(tx, home, "one")
            await add_flag(tx, home, "two")
        lower = replace(kid, quotas={Quota.FLAGS: 1}, version=2)
        await moved(home, lower)
        with pytest.raises(QuotaExceeded):
            async with home.store.transaction(kid.id) as tx:
                await add_flag(tx, home, "three")
        await moved(home, replace(lower, quotas={Quota.FLAGS: 3}, version=3))
        async with home.store.transaction(kid.id) as tx:
            await add_flag(tx, home, "three")
        assert await used(home, kid.id, Quota.FLAGS) == 3

    async def test_a_tenant_at_the_top_has_no_limit(self, home: Home) -> None:
        async with home.transaction() as tx:
            for number in range(60):
                await add_flag(tx, home, f"flag-{number}")
            own = await tx.tenants.own()
        assert (own.tier, own.limits) == (Tier.ENTERPRISE, {})
        assert await used(home, home.tenant.id, Quota.FLAGS) == 60


async def used(home: Home, tenant: UUID, quota: Quota) -> int:
    async with home.store.transaction(tenant) as tx:
        counted: int = (await tx.tenants.used())[quota]
        return counted
