from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.approvals import (
    ApprovalPolicy,
    Level,
    default_policy,
    parse_policy,
)
from domain.changes import ChangeStatus, Kind, Reach
from domain.errors import Stale
from domain.people import Role
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home


class TestChanges:
    async def test_is_kept_as_it_was_written(self, home: Home) -> None:
        change = home.change(ticket="T-1", contributors=(home.bob.id,), supersedes=uuid4(), reverts=uuid4())
        async with home.transaction() as tx:
            assert await tx.changes.add(change)
            assert not await tx.changes.add(replace(change, reason="another"))
        async with home.transaction() as tx:
            found = await tx.changes.get(change.id, lock=True)
            assert found == change
            assert found.intact
            assert await tx.changes.get(uuid4()) is None

    async def test_only_its_status_moves(self, home: Home) -> None:
        change = home.change()
        async with home.transaction() as tx:
            await tx.changes.add(change)
            await tx.changes.save_status(replace(change, status=ChangeStatus.SUBMITTED, revision=2, reason="other"))
            found = await tx.changes.get(change.id)
            assert found == replace(change, status=ChangeStatus.SUBMITTED, revision=2)

    async def test_tells_how_far_it_reaches_once_that_is_known(self, home: Home) -> None:
        change, reach = home.change(), Reach(2, 7, tenant_wide=False, sensitivities=("public",), financial=True)
        async with home.transaction() as tx:
            await tx.changes.add(change)
            await tx.changes.save_status(replace(change, status=ChangeStatus.SUBMITTED, revision=2, reach=reach))
            await tx.changes.save_status(replace(change, status=ChangeStatus.WITHDRAWN, revision=3))
        async with home.transaction() as tx:
            found = await tx.changes.get(change.id)
            assert (found.reach, found.status) == (reach, ChangeStatus.WITHDRAWN)

    async def test_pages_go_backwards(self, home: Home) -> None:
        made = [home.change(created_at=LONG_AGO + timedelta(days=day)) for day in range(3)]
        async with home.transaction() as tx:
            for change in made:
                await tx.changes.add(change)
            assert await tx.changes.page(None, 2) == [made[2], made[1]]
            assert await tx.changes.page((made[1].created_at, made[1].id), 2) == [made[0]]

    async def test_pages_lose_nothing_of_one_instant(self, home: Home) -> None:
        made = [home.change(created_at=LONG_AGO) for _ in range(5)]
        async with home.transaction() as tx:
            for change in made:
                await tx.changes.add(change)
            first = await tx.changes.page(None, 3)
            rest = await tx.changes.page((first[-1].created_at, first[-1].id), 3)
        assert sorted(change.id for change in first + rest) == sorted(change.id for change in made)


class TestPolicies:
    async def test_is_the_default_until_one_is_set(self, home: Home) -> None:
        policy = ApprovalPolicy((Level((Role.OPERATOR, Role.APPROVER), (home.bob.id,), 2),), reminders=())
        async with home.transaction() as tx:
            assert await tx.policies.get(PRODUCTION, Kind.FLAG) == default_policy(PRODUCTION)
            await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy())
            await tx.policies.put(PRODUCTION, Kind.FLAG, policy)
            found = await tx.policies.get(PRODUCTION, Kind.FLAG)
            assert found.to_json() == policy.to_json()
            assert await tx.policies.get(DEV, Kind.FLAG) == default_policy(DEV)

    async def test_is_set_over_the_version_that_was_seen(self, home: Home) -> None:
        ruled = parse_policy({"rules": [{"when": {"financial": True}, "levels": [{}]}]})
        async with home.transaction() as tx:
            assert await tx.policies.version(DEV, Kind.SETTING) == 0
            assert await tx.policies.put(DEV, Kind.SETTING, ruled, expected=0) == 1
            assert await tx.policies.put(DEV, Kind.SETTING, ApprovalPolicy()) == 2
            assert await tx.policies.put(DEV, Kind.SETTING, ruled, expected=2) == 3
        async with home.transaction() as tx:
            for seen in (0, 2, 4):
                with pytest.raises(Stale) as refused:
                    await tx.policies.put(DEV, Kind.SETTING, ApprovalPolicy(), expected=seen)
                assert refused.value.facts == {"version": 3, "expected": seen}
            assert await tx.policies.get(DEV, Kind.SETTING) == ruled
            assert await tx.policies.version(PRODUCTION, Kind.SETTING) == 0
