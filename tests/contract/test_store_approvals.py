from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.ports.records import Delegation, Group, Review, ReviewCause
from application.ports.store import Store
from domain.approvals import Answer, ApprovalPolicy, Ballot, Comment, Level, Newer, default_policy
from domain.changes import Kind
from domain.errors import AlreadyExists, Stale
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

DAY = timedelta(days=1)


class TestGroups:
    async def test_are_written_over_the_version_before(self, home: Home) -> None:
        first = Group("duty", (home.bob.id,), 1)
        async with home.transaction() as tx:
            await tx.groups.put(first)
            assert await tx.groups.get("duty") == first
            await tx.groups.put(replace(first, members=(), version=2))
            await tx.groups.put(Group("another", (home.ada.id,), 1))
            assert [each.name for each in await tx.groups.all()] == ["another", "duty"]
            assert await tx.groups.get("nowhere") is None
        for stale in (1, 2, 4):
            with pytest.raises(Stale):
                async with home.transaction() as tx:
                    await tx.groups.put(replace(first, version=stale))

    async def test_are_known_of_each_person(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.groups.put(Group("duty", (home.bob.id, home.ada.id), 1))
            await tx.groups.put(Group("books", (home.bob.id,), 1))
        async with home.transaction() as tx:
            (bob,) = await tx.people.by_ids([home.bob.id])
            assert bob.groups == bob.actor.groups == {"duty", "books"}
            assert {person.handle: person.groups for person in await tx.people.all()}["ada"] == {"duty"}
            await tx.groups.put(Group("duty", (), 2))
            ada = await tx.people.principal("ada")
            assert ada is not None
            assert ada.groups == frozenset()


class TestReviews:
    def review(self, home: Home, **given: object) -> Review:
        made = Review(uuid4(), PRODUCTION, "checkout", home.ada.id, "because", LONG_AGO, LONG_AGO + DAY)
        return replace(made, **given)  # type: ignore[arg-type]  # fields by name

    async def test_are_opened_escalated_and_closed(self, home: Home) -> None:
        change = uuid4()
        owed = self.review(home, cause=ReviewCause.EMERGENCY, incident="INC-7", change=change, rollout=change)
        async with home.transaction() as tx:
            await tx.reviews.open(owed)
            found = await tx.reviews.get(owed.id, lock=True)
            assert found == replace(owed, opened_at=tx.now)
            assert await tx.reviews.emergencies(DAY) == [found]
            await tx.reviews.escalate(owed.id, tx.now)
            await tx.reviews.close(owed.id, home.bob.id, "it was needed")
            closed = await tx.reviews.get(owed.id)
            assert closed is not None
            assert (closed.closed_by, closed.finding, closed.escalated_at) == (home.bob.id, "it was needed", tx.now)
            assert await tx.reviews.get(uuid4()) is None

    async def test_of_kill_switches_count_as_no_emergency(self, home: Home) -> None:
        owed = self.review(home)
        async with home.transaction() as tx:
            await tx.reviews.open(owed)
            assert await tx.reviews.emergencies(DAY) == []
            assert [each.cause for each in await tx.reviews.all()] == [ReviewCause.KILL_SWITCH]
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.reviews.open(owed)

    async def test_that_are_late_are_found_across_tenants_until_they_are_told(self, home: Home) -> None:
        late, later = self.review(home), self.review(home, due_at=LONG_AGO + 1_000_000 * DAY)
        async with home.transaction() as tx:
            await tx.reviews.open(late)
            await tx.reviews.open(later)
        assert await self.overdue(home.store, home.tenant.id) == [late.id]
        async with home.transaction() as tx:
            await tx.reviews.escalate(late.id, tx.now)
        assert await self.overdue(home.store, home.tenant.id) == []

    async def overdue(self, store: Store, tenant: UUID) -> list[UUID]:
        found = await store.overdue_reviews()  # type: ignore[attr-defined]  # both answer it
        return [review for of, review in found if of == tenant]

    async def test_emergencies_that_wait_are_found(self, home: Home) -> None:
        change = await home.submitted()
        async with home.transaction() as tx:
            rollout = await tx.rollouts.get(change.id, lock=True)
            assert rollout is not None
            await tx.rollouts.save(replace(rollout, emergency="INC-7", priority=2))
        assert change.id in await home.store.unheard_emergencies()  # type: ignore[attr-defined]  # both answer it


class TestRequests:
    async def test_comments_stand_as_they_were_written_and_once(self, home: Home) -> None:
        change = await home.submitted()
        said = [Comment(uuid4(), change.id, each.id, each.handle, LONG_AGO) for each in (home.ada, home.bob)]
        async with home.transaction() as tx:
            for each in (*said, said[0]):
                await tx.approvals.comment(each)
            assert [(each.id, each.words) for each in await tx.approvals.comments(change.id)] == [
                (said[0].id, "ada"), (said[1].id, "bob"),
            ]  # fmt: skip
            assert await tx.approvals.comments(uuid4()) == []

    async def test_know_which_levels_and_votes_are_escalated(self, home: Home) -> None:
        change = await home.submitted()
        ballot = Ballot(home.bob.id, 0, Answer.APPROVE, change.digest, escalated=True)
        async with home.transaction() as tx:
            await tx.approvals.escalate(change.id, 0)
            await tx.approvals.escalate(change.id, 1)
            await tx.approvals.cast(change.id, ballot, author=home.ada.id, reason="", via="update")
            found = await tx.approvals.get(change.id)
            assert found is not None
            assert (found.escalated, found.ballots) == ((0, 1), (ballot,))


class TestPolicies:
    async def test_every_version_is_kept(self, home: Home) -> None:
        first = ApprovalPolicy((Level(groups=("duty",)),), newer=Newer.WITHDRAW_OLDER)
        async with home.transaction() as tx:
            assert await tx.policies.at(PRODUCTION, Kind.FLAG, 0) == default_policy(PRODUCTION)
            await tx.policies.put(PRODUCTION, Kind.FLAG, first, expected=0)
            await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy(), expected=1)
            assert await tx.policies.at(PRODUCTION, Kind.FLAG, 1) == first
            assert await tx.policies.at(PRODUCTION, Kind.FLAG, 2) == ApprovalPolicy()
            assert await tx.policies.get(PRODUCTION, Kind.FLAG) == ApprovalPolicy()


class TestDelegations:
    async def test_are_listed_asked_back_and_lent_again(self, home: Home) -> None:
        ada, bob = home.ada.id, home.bob.id
        loan = Delegation(ada, bob, LONG_AGO, LONG_AGO + DAY)
        async with home.transaction() as tx:
            assert await tx.people.delegate(ada, bob, loan.starts, loan.ends)
            assert not await tx.people.delegate(ada, bob, loan.starts, loan.ends)
            assert await tx.people.delegations() == [loan]
            await tx.people.revoke(loan)
            (back,) = await tx.people.delegations()
            assert back.id == loan.id
            assert back.revoked_at is not None
            assert not await tx.people.delegated(ada, bob, LONG_AGO)
            assert await tx.people.delegate(ada, bob, loan.starts, loan.ends)
            assert await tx.people.delegated(ada, bob, LONG_AGO)
            assert await tx.people.delegations() == [loan]
