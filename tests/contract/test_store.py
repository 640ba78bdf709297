import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports.records import (
    AuditFilter,
)
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.flags.lifecycle import archived
from domain.people import Principal, PrincipalKind, Role
from domain.rollouts import (
    StaleGeneration,
)
from domain.tenants import TenantNameTaken
from tests.contract.homes import DEFINITION, DEV, LONG_AGO, PRODUCTION, Home, moved_in


class TestTransaction:
    async def test_commits_whole(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.audit.append(home.event())
        async with home.transaction() as tx:
            assert await tx.flags.get(PRODUCTION, "checkout") == home.flag()
            assert len(await tx.audit.page(AuditFilter(), None, 10)) == 1

    @pytest.mark.req("AU-01")
    async def test_or_not_at_all(self, home: Home) -> None:
        async def half_way() -> None:
            async with home.transaction() as tx:
                await tx.flags.put(home.flag(), expected=0)
                await tx.audit.append(home.event())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await half_way()
        async with home.transaction() as tx:
            assert await tx.flags.get(PRODUCTION, "checkout") is None
            assert await tx.flags.revision(PRODUCTION) == 0
            assert await tx.audit.page(AuditFilter(), None, 10) == []

    async def test_names_its_tenant_and_a_clock_that_advances(self, home: Home) -> None:
        async with home.transaction() as tx:
            first = tx.now
            assert tx.tenant == home.tenant.id
        async with home.transaction() as tx:
            assert first.tzinfo is not None
            assert tx.now >= first

    async def test_sees_no_other_tenant(self, home: Home) -> None:
        other = await moved_in(home.store)
        change = await home.submitted()
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.audit.append(home.event())
        async with other.transaction() as tx:
            assert await tx.flags.get(PRODUCTION, "checkout") is None
            assert await tx.flags.versions(PRODUCTION, "checkout", 9, 9) == []
            assert await tx.changes.get(change.id) is None
            assert await tx.approvals.get(change.id) is None
            assert await tx.approvals.pending() == []
            assert await tx.rollouts.get(change.id) is None
            assert await tx.target_locks.holders(PRODUCTION) == []
            assert await tx.audit.page(AuditFilter(), None, 10) == []
            assert [person.id for person in await tx.people.by_ids([home.ada.id, other.ada.id])] == [other.ada.id]

    async def test_two_tenants_may_have_the_same_names(self, home: Home) -> None:
        other = await moved_in(home.store)
        await home.submitted()
        change = await other.submitted()
        async with other.transaction() as tx:
            assert [each.id for each in await tx.rollouts.page(None, 9)] == [change.id]

    async def test_what_was_read_is_not_shared(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            (await tx.flags.get(PRODUCTION, "checkout")).definition["state"] = "DISABLED"
            assert (await tx.flags.get(PRODUCTION, "checkout")).definition == DEFINITION


class TestTenants:
    async def test_is_found_by_its_slug(self, home: Home) -> None:
        assert await home.store.tenant(home.tenant.slug) == home.tenant
        assert await home.store.home(home.tenant.id) == home.tenant
        assert await home.store.tenant("nobody-here") is None

    async def test_exists_once(self, home: Home) -> None:
        with pytest.raises(TenantNameTaken):
            await home.store.create_tenant(replace(home.tenant, id=uuid4()))
        with pytest.raises(AlreadyExists):
            await home.store.create_tenant(replace(home.tenant, slug=f"d-{secrets.token_hex(6)}"))

    async def test_memberships_are_found_before_a_tenant_is_known(self, home: Home) -> None:
        issuer = secrets.token_hex(4)
        person = Principal(home.tenant.id, uuid4(), issuer, "s-1", "cyd")
        async with home.transaction() as tx:
            await tx.people.admit(person)
        assert await home.store.memberships(issuer, "s-1") == [(home.tenant, person.id)]
        assert await home.store.memberships(issuer, "s-2") == []

    async def test_answers_a_ping(self, home: Home) -> None:
        await home.store.ping()


class TestPeople:
    async def test_is_found_by_handle_and_id(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.people.principal("bob") == home.bob
            assert await tx.people.principal("nobody") is None
            assert await tx.people.actor(home.bob.id) == home.bob.actor
            assert await tx.people.actor(uuid4()) is None
            assert await tx.people.by_ids([home.bob.id, home.bob.id, uuid4()]) == [home.bob]
            assert await tx.people.by_ids([]) == []
            assert await tx.people.all() == [home.ada, home.bob]

    @pytest.mark.parametrize("clash", ["id", "handle", "login"])
    async def test_exists_once(self, home: Home, clash: str) -> None:
        fresh = Principal(home.tenant.id, uuid4(), "iss", "x", "x", PrincipalKind.SERVICE)
        twin = {
            "id": replace(fresh, id=home.ada.id),
            "handle": replace(fresh, handle="ada"),
            "login": replace(fresh, subject="ada"),
        }[clash]
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.people.admit(twin)

    async def test_has_the_roles_of_now(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.people.set_roles(home.bob.id, frozenset({Role.VIEWER, Role.AUDITOR}))
        async with home.transaction() as tx:
            assert (await tx.people.actor(home.bob.id)).roles == {Role.VIEWER, Role.AUDITOR}

    async def test_delegation_holds_from_its_start_until_before_its_end(self, home: Home) -> None:
        start, end = LONG_AGO, LONG_AGO + timedelta(days=1)
        async with home.transaction() as tx:
            assert await tx.people.delegate(home.ada.id, home.bob.id, start, end)
            assert not await tx.people.delegate(home.ada.id, home.bob.id, start, end)
        async with home.transaction() as tx:
            for at, expected in ((start, True), (end, False), (start - timedelta(seconds=1), False)):
                assert await tx.people.delegated(home.ada.id, home.bob.id, at) is expected
            assert not await tx.people.delegated(home.bob.id, home.ada.id, start)


class TestFlags:
    async def test_knows_the_version_that_a_request_wrote(self, home: Home) -> None:
        asked = replace(home.flag(1), request=uuid4())
        async with home.transaction() as tx:
            await tx.flags.put(asked, expected=0)
            await tx.flags.put(home.flag(2), expected=1)
        async with home.transaction() as tx:
            found = await tx.flags.asked(asked.request)
            assert (found.version, found.request) == (1, asked.request)
            assert await tx.flags.asked(uuid4()) is None

    async def test_keeps_every_version(self, home: Home) -> None:
        second = replace(home.flag(2), definition={**DEFINITION, "state": "DISABLED"}, origin="kill", written_by=None)
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.flags.put(second, expected=1)
        async with home.transaction() as tx:
            assert await tx.flags.get(PRODUCTION, "checkout", lock=True) == second
            assert await tx.flags.get(DEV, "checkout") is None
            assert await tx.flags.version(PRODUCTION, "checkout", 1) == DEFINITION
            assert await tx.flags.version(PRODUCTION, "checkout", 3) is None
            assert await tx.flags.versions(PRODUCTION, "checkout", 9, 9) == [second, home.flag()]
            assert await tx.flags.versions(PRODUCTION, "checkout", 2, 9) == [home.flag()]
            assert await tx.flags.versions(PRODUCTION, "checkout", 9, 1) == [second]

    @pytest.mark.req("S76")
    @pytest.mark.parametrize(("version", "expected"), [(2, 0), (3, 2), (1, 0)])
    async def test_a_stale_write_is_refused(self, home: Home, version: int, expected: int) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
        with pytest.raises(StaleGeneration):
            async with home.transaction() as tx:
                await tx.flags.put(home.flag(version), expected=expected)
        async with home.transaction() as tx:
            assert (await tx.flags.get(PRODUCTION, "checkout")).version == 1
            assert await tx.flags.revision(PRODUCTION) == 1

    async def test_a_version_of_what_is_not_there_is_stale(self, home: Home) -> None:
        with pytest.raises(StaleGeneration):
            async with home.transaction() as tx:
                await tx.flags.put(home.flag(2), expected=1)

    async def test_pages_go_by_key(self, home: Home) -> None:
        async with home.transaction() as tx:
            for key in ("b", "a", "c"):
                await tx.flags.put(home.flag(key=key), expected=0)
            assert [flag.key for flag in await tx.flags.page(PRODUCTION, "", 2)] == ["a", "b"]
            assert [flag.key for flag in await tx.flags.page(PRODUCTION, "b", 2)] == ["c"]
            assert await tx.flags.page(DEV, "", 2) == []

    async def test_the_set_has_a_revision_for_each_environment(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.flags.put(home.flag(2), expected=1)
            await tx.flags.put(home.flag(environment=DEV), expected=0)
        async with home.transaction() as tx:
            found = await tx.flags.flag_set(PRODUCTION)
            assert (found.revision, found.bucketing, found.metadata, found.evaluators) == (2, "v3", {}, {})
            assert found.flags == {"checkout": DEFINITION}
            assert await tx.flags.revision(DEV) == 1
            assert await tx.flags.revision(Environment.QA) == 0

    async def test_shared_rules_are_a_part_of_the_set_and_no_flag(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            rules = replace(home.flag(key="$evaluators"), definition={"staff": {"var": "email"}})
            await tx.flags.put(rules, expected=0)
        async with home.transaction() as tx:
            found = await tx.flags.flag_set(PRODUCTION)
            assert (found.evaluators, list(found.flags)) == ({"staff": {"var": "email"}}, ["checkout"])
            assert [flag.key for flag in await tx.flags.page(PRODUCTION, "", 9)] == ["checkout"]
            assert (await tx.flags.get(PRODUCTION, "$evaluators")).version == 1

    @pytest.mark.req("BK1")
    async def test_bucketing_is_a_part_of_the_set_and_no_flag(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            chosen = replace(home.flag(key="$bucketing"), definition={"version": "v2"})
            await tx.flags.put(chosen, expected=0)
        async with home.transaction() as tx:
            found = await tx.flags.flag_set(PRODUCTION)
            assert (found.bucketing, found.revision, list(found.flags)) == ("v2", 2, ["checkout"])
            assert replace(await tx.flags.linked(PRODUCTION, ()), flags=found.flags) == found
            assert (await tx.flags.flag_set(DEV)).bucketing == "v3"
            assert [flag.key for flag in await tx.flags.page(PRODUCTION, "", 9)] == ["checkout"]
            assert [flag.definition for flag in await tx.flags.versions(PRODUCTION, "$bucketing", 9, 9)] == [
                {"version": "v2"}
            ]
            await tx.flags.put(replace(chosen, version=2, definition={"version": "v3"}), expected=1)
            assert (await tx.flags.flag_set(PRODUCTION)).bucketing == "v3"

    @pytest.mark.req("FP2", "SM-D6")
    async def test_those_that_name_other_flags_are_found_among_all(self, home: Home) -> None:
        rule = {"if": [{"!": [{"$flag": ["checkout", "on"]}]}, "off"]}
        authored = {"state": "ENABLED", "variants": DEFINITION["variants"]}
        flags: dict[str, Any] = {
            "plain": DEFINITION,
            "other": DEFINITION,
            "needing": {**DEFINITION, "targeting": rule},
            "authored": {**authored, "authoring": {"owner": "shop"}},
            "by-list": {**authored, "authoring": {"off": "off", "prerequisites": [{"flag": "a", "variants": ["on"]}]}},
            "by-rule": {**authored, "authoring": {"rules": [{"when": {"rule": rule}, "serve": "on"}]}},
            "rival": {**authored, "authoring": {"conflicts": ["a"]}},
            "gone": archived({**DEFINITION, "targeting": rule}),
        }
        async with home.transaction() as tx:
            for key, definition in flags.items():
                await tx.flags.put(replace(home.flag(key=key), definition=definition), expected=0)
            await tx.flags.put(replace(home.flag(key="$evaluators"), definition={"staff": True}), expected=0)
            found = await tx.flags.linked(PRODUCTION, ["plain", "nothing"])
            assert sorted(found.flags) == ["by-list", "by-rule", "needing", "plain", "rival"]
            assert (found.revision, found.bucketing, found.evaluators) == (9, "v3", {"staff": True})
            assert found.flags["needing"] == flags["needing"]
            assert (await tx.flags.linked(DEV, ["plain"])).flags == {}
