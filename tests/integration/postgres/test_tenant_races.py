import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.flags import Flags
from application.ports.installation import Newcomer
from application.ports.records import StoredFlag
from application.ports.settings import StoredDefinition
from application.tenancy import Founding, LockPlace, TenantLockCases, TenantTree
from domain.environments import Environment
from domain.errors import Refusal
from domain.people import Actor, Principal, Role
from domain.tenants import Quota, QuotaExceeded, Tenancy, TenantNameTaken, Tier
from tests.conftest import House
from tests.contract.homes import LONG_AGO
from tests.world import OFF

DEFINITION = {"key": "limit", "type": "integer"}
INSERTED = "INSERT INTO tenant (tenant_id, slug, name, parent, ancestors) VALUES ($1, $2, 'x', $3, $4)"
DEV, QA = Environment.DEV, Environment.QA
ADMIN = Newcomer("zoe", frozenset({Role.ADMIN}), issuer="tests", subject="zoe")


def founding(slug: str = "", **given: Any) -> Founding:
    return Founding(slug or f"r-{uuid4().hex[:12]}", "Kid", Tier.PRO, ADMIN, "because", **given)


@pytest_asyncio.fixture
async def tree(store: PostgresStore) -> TenantTree:
    return TenantTree(store)


async def zoe(store: PostgresStore, kid: Tenancy) -> Actor:
    async with store.transaction(kid.id) as tx:
        person = await tx.people.principal("zoe")
    assert person is not None
    return person.actor


@pytest.mark.req("FR-CFG-001")
class TestTheLastPlace:
    async def test_of_many_who_want_it_one_gets_it(self, store: PostgresStore, house: House, tree: TenantTree) -> None:
        kid = await tree.create(house.root, founding(quotas={Quota.FLAGS: 3}))
        actor, flags = await zoe(store, kid), Flags(store)

        async def create(number: int) -> Any:
            place = (DEV if number % 2 else QA, f"flag-{number}")
            return await flags.create(actor, place, OFF, "because")

        answers = await asyncio.gather(*(create(number) for number in range(12)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert all(isinstance(answer, QuotaExceeded) and answer.facts["limit"] == 3 for answer in refused)
        assert len(refused) == 9
        async with store.transaction(kid.id) as tx:
            assert (await tx.tenants.used())[Quota.FLAGS] == 3
            assert len(await tx.flags.page(DEV, "", 9)) + len(await tx.flags.page(QA, "", 9)) == 3

    async def test_what_counts_different_things_in_different_orders_waits_in_no_circle(
        self, store: PostgresStore, house: House, tree: TenantTree
    ) -> None:
        kid = await tree.create(house.root, founding())
        async with store.transaction(kid.id) as tx:
            before = await tx.tenants.used()

        async def define(number: int) -> None:
            async with store.transaction(kid.id) as tx:
                if number % 2:
                    await tx.people.admit(_person(kid, f"p{number}"))
                for environment in (DEV, QA):
                    await tx.settings.lock(environment)
                    await tx.flags.put(_flag(environment, f"f{number}"), expected=0)
                if not number % 2:
                    await tx.people.admit(_person(kid, f"p{number}"))

        answers = await asyncio.gather(*(define(number) for number in range(6)), return_exceptions=True)
        assert answers == [None] * 6
        async with store.transaction(kid.id) as tx:
            after = await tx.tenants.used()
        assert (after[Quota.PEOPLE] - before[Quota.PEOPLE], after[Quota.FLAGS]) == (6, 12)


class TestOneName:
    async def test_of_many_who_want_it_one_gets_it(self, house: House, tree: TenantTree) -> None:
        wish = founding()
        answers = await asyncio.gather(*(tree.create(house.root, wish) for _ in range(6)), return_exceptions=True)
        assert sum(isinstance(answer, Tenancy) for answer in answers) == 1
        assert sum(isinstance(answer, TenantNameTaken) for answer in answers) == 5

    async def test_one_of_two_who_close_it_at_once_is_told_so(self, house: House, tree: TenantTree) -> None:
        kid = await tree.create(house.root, founding())
        answers = await asyncio.gather(
            *(tree.suspend(house.root, kid.slug, "because") for _ in range(4)), return_exceptions=True
        )
        assert sum(isinstance(answer, Tenancy) for answer in answers) == 1
        assert {answer.kind for answer in answers if isinstance(answer, Refusal)} == {"tenant-status"}


class TestALock:
    @pytest.mark.req("ST72")
    async def test_a_tenant_that_is_made_meanwhile_has_it(
        self, store: PostgresStore, house: House, tree: TenantTree
    ) -> None:
        kid = await tree.create(house.root, founding())
        async with store.transaction(house.id) as tx:
            definition = StoredDefinition("limit", 1, DEFINITION, None, tx.now)
            await tx.settings.put_definition(definition, expected=0)
        locks, place = TenantLockCases(store), LockPlace(house.tenant.slug, DEV, "limit")
        says = {"value": 7, "enforced": True}
        late = [founding(parent=slug) for slug in (None, kid.slug) * 3]
        answers = await asyncio.gather(
            *(tree.create(house.root, each) for each in late[:3]),
            locks.set(house.root, place, says, expected=0, reason="because"),
            *(tree.create(house.root, each) for each in late[3:]),
            return_exceptions=True,
        )
        assert [answer for answer in answers if isinstance(answer, BaseException)] == []
        for tenant in [kid, *(answer for answer in answers if isinstance(answer, Tenancy))]:
            async with store.transaction(tenant.id) as tx:
                (entry,) = await tx.settings.entries(DEV, ["limit"], None, tx.now)
            assert (entry.scope, entry.entry.value, entry.entry.above) == ("~0", 7, house.tenant.slug)

    async def test_writers_below_and_locks_above_wait_in_no_circle(
        self, store: PostgresStore, house: House, tree: TenantTree
    ) -> None:
        kid = await tree.create(house.root, founding())
        grandkid = await tree.create(house.root, founding(parent=kid.slug))
        locks = TenantLockCases(store)
        for tenant in (house.id, kid.id):
            async with store.transaction(tenant) as tx:
                await tx.settings.put_definition(StoredDefinition("limit", 1, DEFINITION, None, tx.now), expected=0)

        async def lock(slug: str) -> None:
            for version in range(4):
                says = {"value": version, "enforced": False}
                await locks.set(house.root, LockPlace(slug, DEV, "limit"), says, expected=version, reason="because")

        answers = await asyncio.gather(lock(house.tenant.slug), lock(kid.slug), return_exceptions=True)
        assert list(answers) == [None, None]
        async with store.transaction(grandkid.id) as tx:
            entries = await tx.settings.entries(DEV, ["limit"], None, tx.now)
        assert [(each.scope, each.entry.value, each.entry.version) for each in entries] == [("~0", 3, 4), ("~1", 3, 4)]


class TestTheDatabase:
    async def test_no_tenant_stands_elsewhere_than_below_its_parent(
        self, line: asyncpg.Connection, house: House
    ) -> None:
        new = uuid4()
        ancestors = [uuid4(), house.id]
        async with line.transaction():
            await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(new))
            with pytest.raises(asyncpg.CheckViolationError, match="below its parent"):
                await line.execute(INSERTED, new, f"x-{new.hex[:8]}", house.id, ancestors)

    async def test_nobody_counts_but_growth(self, line: asyncpg.Connection, house: House) -> None:
        for statement in (
            "UPDATE tenant_use SET used = 0",
            "DELETE FROM tenant_use",
            "UPDATE tenant SET ancestors = '{}'",
            "UPDATE tenant SET parent = NULL",
            "DELETE FROM tenant",
            "UPDATE tenant_version SET record = '{}'",
            "SELECT settle_growth()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)

    async def test_what_stands_below_is_seen_and_not_written(
        self, line: asyncpg.Connection, house: House, tree: TenantTree
    ) -> None:
        kid = await tree.create(house.root, founding())
        async with line.transaction():
            await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(house.id))
            assert await line.fetchval("SELECT count(*) FROM tenant WHERE tenant_id = $1", kid.id) == 1
            assert await line.execute("UPDATE tenant SET name = 'mine' WHERE tenant_id = $1", kid.id) == "UPDATE 0"
            assert await line.fetchval("SELECT count(*) FROM principal WHERE tenant_id = $1", kid.id) == 0


def _person(kid: Tenancy, handle: str) -> Principal:
    return Principal(kid.id, uuid4(), "tests", handle, handle)


def _flag(environment: Environment, key: str) -> StoredFlag:
    return StoredFlag(environment, key, 1, OFF, "api", None, LONG_AGO)
