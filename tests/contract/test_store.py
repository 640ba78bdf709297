import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.ports.records import (
    AuditFilter,
    Check,
    Intent,
    Notice,
    Review,
    StoredFlag,
    TelemetryBatch,
    TelemetrySample,
    Tenant,
    Waiting,
    WaitingKind,
)
from application.ports.store import Store
from domain.approvals import (
    AlreadyVoted,
    Answer,
    Approval,
    ApprovalClosed,
    ApprovalPolicy,
    Ballot,
    DigestMismatch,
    Level,
    SelfApproval,
    Standing,
    default_policy,
)
from domain.audit import Action, Event, leaf_of
from domain.canonical import canonical_bytes
from domain.changes import ChangeSet, ChangeStatus, Content, Kind, Target, TargetBusy
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.gates import MetricQuery, SourceKind, Verdict
from domain.people import Principal, PrincipalKind, Role
from domain.rollouts import (
    AlreadyTerminal,
    Phase,
    Rollout,
    StaleGeneration,
    State,
    Transition,
    default_plan,
)

DEV, PRODUCTION = Environment.DEV, Environment.PRODUCTION
DEFINITION = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def both_answer(memory: MemoryStore, postgres: PostgresStore) -> tuple[Store, Store]:
    """The type checker proves here that either is a Store with every repository."""
    return memory, postgres


@dataclass
class Home:
    """One store with one fresh tenant in it, and two people."""

    store: Store
    tenant: Tenant
    ada: Principal
    bob: Principal

    def transaction(self) -> Any:
        return self.store.transaction(self.tenant.id)

    def change(self, key: str = "checkout", **given: Any) -> ChangeSet:
        target = Target(PRODUCTION, Kind.FLAG, key, 1, {**DEFINITION, "defaultVariant": "on"})
        content = Content((target,), default_plan(PRODUCTION).to_json(), {"alpha_total": 0.05}, None)
        made: dict[str, Any] = {"created_at": LONG_AGO, "reason": "because"}
        return ChangeSet(uuid4(), self.tenant.id, self.ada.id, content, content.digest, **{**made, **given})

    def approval(self, change: ChangeSet, **given: Any) -> Approval:
        policy = ApprovalPolicy((Level((Role.OPERATOR, Role.APPROVER)), Level((), (self.bob.id,), 2)))
        whole = {"policy": policy, "standing": Standing.PENDING, "opened_at": LONG_AGO, "level_opened_at": LONG_AGO}
        asked = {"environment": PRODUCTION, "digest": change.digest, "authors": change.authors}
        return Approval(change.id, self.tenant.id, **{**whole, **asked, **given})

    def rollout(self, change: ChangeSet, **given: Any) -> Rollout:
        fields = {
            "id": change.id, "tenant": self.tenant.id, "environment": PRODUCTION, "key": change.target.key,
            "change": change.id, "digest": change.digest, "requester": self.ada.id, "plan": default_plan(PRODUCTION),
            "state": State.AWAITING_APPROVAL, "created_at": LONG_AGO, "base_version": 1, "live_version": 1,
        }  # fmt: skip
        return Rollout(**{**fields, **given})

    def flag(self, version: int = 1, key: str = "checkout", environment: Environment = PRODUCTION) -> StoredFlag:
        return StoredFlag(environment, key, version, DEFINITION, "api", self.ada.id, LONG_AGO)

    def event(self, **given: Any) -> Event:
        fields = {"occurred_at": LONG_AGO, "action": Action.FLAG_CREATED, "resource_type": "flag", "resource": "f"}
        return Event(uuid4(), self.tenant.id, **{**fields, **given})

    async def submitted(self, key: str = "checkout") -> ChangeSet:
        change = self.change(key)
        async with self.transaction() as tx:
            await tx.changes.add(change)
            await tx.approvals.open(self.approval(change))
            await tx.rollouts.add(self.rollout(change))
        return change


async def moved_in(store: Store) -> Home:
    tenant = Tenant(uuid4(), f"c-{secrets.token_hex(6)}", "Contract")
    await store.create_tenant(tenant)
    ada = Principal(tenant.id, uuid4(), "iss", "ada", "ada", roles=frozenset({Role.CONFIG_MANAGER}))
    bob = Principal(tenant.id, uuid4(), "iss", "bob", "bob", email="b@x.test", roles=frozenset({Role.APPROVER}))
    async with store.transaction(tenant.id) as tx:
        await tx.people.admit(ada)
        await tx.people.admit(bob)
    return Home(store, tenant, ada, bob)


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def home(request: pytest.FixtureRequest, store: PostgresStore) -> AsyncIterator[Home]:
    yield await moved_in(MemoryStore() if request.param == "memory" else store)


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
            assert await tx.rollouts.holder(PRODUCTION, "checkout") is None
            assert await tx.audit.page(AuditFilter(), None, 10) == []
            assert [person.id for person in await tx.people.by_ids([home.ada.id, other.ada.id])] == [other.ada.id]

    async def test_two_tenants_may_have_the_same_names(self, home: Home) -> None:
        other = await moved_in(home.store)
        await home.submitted()
        await other.submitted()
        async with other.transaction() as tx:
            assert (await tx.rollouts.holder(PRODUCTION, "checkout")).tenant == other.tenant.id

    async def test_what_was_read_is_not_shared(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            (await tx.flags.get(PRODUCTION, "checkout")).definition["state"] = "DISABLED"
            assert (await tx.flags.get(PRODUCTION, "checkout")).definition == DEFINITION


class TestTenants:
    async def test_is_found_by_its_slug(self, home: Home) -> None:
        assert await home.store.tenant(home.tenant.slug) == home.tenant
        assert await home.store.tenant("nobody-here") is None

    async def test_exists_once(self, home: Home) -> None:
        with pytest.raises(AlreadyExists):
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
            await tx.people.delegate(home.ada.id, home.bob.id, start, end)
        async with home.transaction() as tx:
            for at, expected in ((start, True), (end, False), (start - timedelta(seconds=1), False)):
                assert await tx.people.delegated(home.ada.id, home.bob.id, at) is expected
            assert not await tx.people.delegated(home.bob.id, home.ada.id, start)
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.people.delegate(home.ada.id, home.bob.id, start, end)


class TestFlags:
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


class TestChanges:
    async def test_is_kept_as_it_was_written(self, home: Home) -> None:
        change = home.change(ticket="T-1", contributors=(home.bob.id,), supersedes=uuid4())
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

    async def test_pages_go_backwards(self, home: Home) -> None:
        made = [home.change(created_at=LONG_AGO + timedelta(days=day)) for day in range(3)]
        async with home.transaction() as tx:
            for change in made:
                await tx.changes.add(change)
            assert await tx.changes.page(None, 2) == [made[2], made[1]]
            assert await tx.changes.page(made[1].created_at, 2) == [made[0]]


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


class TestApprovals:
    async def test_is_kept_with_its_ballots(self, home: Home) -> None:
        change = await home.submitted()
        ballot = Ballot(home.bob.id, 0, Answer.APPROVE, change.digest, None)
        async with home.transaction() as tx:
            await tx.approvals.cast(change.id, ballot, author=home.ada.id, reason="fine", via="update")
        async with home.transaction() as tx:
            found = await tx.approvals.get(change.id, lock=True)
            assert replace(found, ballots=(), policy=home.approval(change).policy) == home.approval(change)
            assert found.policy.to_json() == home.approval(change).policy.to_json()
            assert found.ballots == (ballot,)
            assert await tx.approvals.pending() == [found]
            (vote,) = await tx.approvals.votes(change.id)
            assert (vote.ballot, vote.reason, vote.via, vote.dropped) == (ballot, "fine", "update", None)

    async def test_is_opened_once(self, home: Home) -> None:
        change = await home.submitted()
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.approvals.open(home.approval(change))

    @pytest.mark.req("S3", "S5", "S18")
    @pytest.mark.parametrize(
        ("refusal", "case"),
        [
            (SelfApproval, "author"),
            (SelfApproval, "for an author"),
            (DigestMismatch, "other content"),
            (ApprovalClosed, "closed"),
            (AlreadyVoted, "twice"),
            (AlreadyVoted, "for who voted"),
            (AlreadyVoted, "by whose vote was given"),
        ],
    )
    async def test_a_vote_is_refused_by_the_store_itself(self, home: Home, refusal: type[Exception], case: str) -> None:
        change = await home.submitted()
        ada, bob, other = home.ada.id, home.bob.id, uuid4()
        async with home.transaction() as tx:
            await tx.people.admit(Principal(home.tenant.id, other, "iss", "other", "other"))
            given = Ballot(bob, 0, Answer.APPROVE, change.digest, other if case.startswith("by whose") else None)
            if case in {"twice", "for who voted", "by whose vote was given"}:
                await tx.approvals.cast(change.id, given, author=ada, reason="", via="update")
            if case == "closed":
                await tx.approvals.close(change.id, Standing.EXPIRED)
        ballot = {
            "author": Ballot(ada, 0, Answer.APPROVE, change.digest),
            "for an author": Ballot(bob, 0, Answer.APPROVE, change.digest, ada),
            "other content": Ballot(bob, 0, Answer.APPROVE, "sha256:else"),
            "closed": Ballot(bob, 0, Answer.APPROVE, change.digest),
            "twice": Ballot(bob, 1, Answer.APPROVE, change.digest),
            "for who voted": Ballot(other, 1, Answer.APPROVE, change.digest, bob),
            "by whose vote was given": Ballot(other, 1, Answer.APPROVE, change.digest),
        }[case]
        with pytest.raises(refusal):
            async with home.transaction() as tx:
                await tx.approvals.cast(change.id, ballot, author=ada, reason="", via="update")

    async def test_a_dropped_vote_stays_visible_and_may_be_given_again(self, home: Home) -> None:
        change = await home.submitted()
        ballot = Ballot(home.bob.id, 0, Answer.APPROVE, change.digest)
        async with home.transaction() as tx:
            await tx.approvals.cast(change.id, ballot, author=home.ada.id, reason="", via="update")
            await tx.approvals.drop(change.id, home.bob.id, "withdrawn")
            assert (await tx.approvals.get(change.id)).ballots == ()
            await tx.approvals.cast(change.id, ballot, author=home.ada.id, reason="", via="update")
            votes = await tx.approvals.votes(change.id)
            assert [vote.dropped for vote in votes] == ["withdrawn", None]

    async def test_opens_levels_closes_and_opens_again(self, home: Home) -> None:
        change = await home.submitted()
        later = LONG_AGO + timedelta(hours=5)
        async with home.transaction() as tx:
            await tx.approvals.open_level(change.id, later)
            await tx.approvals.close(change.id, Standing.APPROVED)
            found = await tx.approvals.get(change.id)
            assert (found.standing, found.level_opened_at) == (Standing.APPROVED, later)
            assert found.closed_at is not None
            assert await tx.approvals.pending() == []
            await tx.approvals.reopen(change.id)
            found = await tx.approvals.get(change.id)
            assert (found.standing, found.closed_at) == (Standing.PENDING, None)
            assert await tx.approvals.get(uuid4()) is None


class TestRollouts:
    async def test_is_kept_as_it_stands(self, home: Home) -> None:
        change = await home.submitted()
        async with home.transaction() as tx:
            found = await tx.rollouts.get(change.id, lock=True)
            assert found == home.rollout(change)
            moved = replace(
                found, state=State.RUNNING, stage=1, phase=Phase.SOAKING, cause="c", verdict=Verdict.PASS,
                live_version=3, revision=2,
            )  # fmt: skip
            await tx.rollouts.save(moved)
            await tx.rollouts.mark_started(change.id)
        async with home.transaction() as tx:
            assert await tx.rollouts.get(change.id) == replace(moved, started=True)
            assert await tx.rollouts.get(uuid4()) is None

    @pytest.mark.req("S81", "I3")
    async def test_a_target_has_one_holder(self, home: Home) -> None:
        first, second = await home.submitted(), home.change()
        async with home.transaction() as tx:
            await tx.changes.add(second)
        with pytest.raises(TargetBusy) as refused:
            async with home.transaction() as tx:
                await tx.rollouts.add(home.rollout(second))
        assert refused.value.facts["holder"] == str(first.id)
        async with home.transaction() as tx:
            assert (await tx.rollouts.holder(PRODUCTION, "checkout", lock=True)).id == first.id
            await tx.rollouts.save(home.rollout(first, state=State.REJECTED))
            assert await tx.rollouts.holder(PRODUCTION, "checkout") is None
            await tx.rollouts.add(home.rollout(second))

    @pytest.mark.req("S81")
    async def test_of_two_at_once_one_takes_the_target(self, home: Home) -> None:
        async def take(change: ChangeSet) -> str | None:
            try:
                async with home.transaction() as tx:
                    await tx.changes.add(change)
                    await tx.rollouts.add(home.rollout(change))
            except TargetBusy as refusal:
                return str(refusal.facts["holder"])
            return None

        changes = [home.change(), home.change()]
        answers = await asyncio.gather(*(take(change) for change in changes))
        assert answers.count(None) == 1
        winner = changes[answers.index(None)]
        assert next(answer for answer in answers if answer) == str(winner.id)

    @pytest.mark.req("I7")
    async def test_a_terminal_state_is_final(self, home: Home) -> None:
        change = await home.submitted()
        async with home.transaction() as tx:
            await tx.rollouts.save(home.rollout(change, state=State.EXPIRED))
        with pytest.raises(AlreadyTerminal):
            async with home.transaction() as tx:
                await tx.rollouts.save(home.rollout(change, state=State.RUNNING))
        async with home.transaction() as tx:
            await tx.rollouts.save(home.rollout(change, state=State.EXPIRED, verdict=Verdict.PASS))

    async def test_pages_go_backwards(self, home: Home) -> None:
        changes = [home.change(f"f{day}") for day in range(3)]
        rollouts = [home.rollout(c, created_at=LONG_AGO + timedelta(days=day)) for day, c in enumerate(changes)]
        async with home.transaction() as tx:
            for change, rollout in zip(changes, rollouts, strict=True):
                await tx.changes.add(change)
                await tx.rollouts.add(rollout)
            assert await tx.rollouts.page(None, 2) == [rollouts[2], rollouts[1]]
            assert await tx.rollouts.page(rollouts[1].created_at, 2) == [rollouts[0]]

    @pytest.mark.req("I6")
    async def test_a_step_is_written_once(self, home: Home) -> None:
        change = await home.submitted()
        first = Transition(change.id, 1, "submitted", None, State.AWAITING_APPROVAL, "submitted", LONG_AGO, home.ada.id)
        second = Transition(
            change.id, 2, "s", State.AWAITING_APPROVAL, State.CANCELLED, "c", LONG_AGO, None, 1, 25.0, "why"
        )
        async with home.transaction() as tx:
            await tx.rollouts.append(second)
            await tx.rollouts.append(first)
            assert await tx.rollouts.timeline(change.id) == [first, second]
            assert await tx.rollouts.step(change.id, "s") == second
            assert await tx.rollouts.step(change.id, "other") is None
        for clash in (replace(second, seq=3), replace(second, step="t")):
            with pytest.raises(AlreadyExists):
                async with home.transaction() as tx:
                    await tx.rollouts.append(clash)


class TestEvidence:
    async def test_is_kept_bit_for_bit_and_once(self, home: Home) -> None:
        change = await home.submitted()
        state = {"log_e": 0.1 + 0.2, "tiny": 5e-324, "list": [1, 2.5]}
        checks = [
            Check(change.id, number, 0, Verdict.CONTINUE, "s", {"silent": False}, state, LONG_AGO) for number in (1, 2)
        ]
        async with home.transaction() as tx:
            for check in reversed(checks):
                await tx.evidence.add(check)
        async with home.transaction() as tx:
            assert await tx.evidence.all(change.id) == checks
            assert await tx.evidence.latest(change.id) == checks[1]
            assert await tx.evidence.get(change.id, 1) == checks[0]
            assert await tx.evidence.get(change.id, 3) is None
            assert await tx.evidence.latest(uuid4()) is None
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.evidence.add(checks[0])


class TestAuditTrail:
    async def test_is_read_newest_first_by_keyset(self, home: Home) -> None:
        events = [home.event(resource=str(n)) for n in range(5)]
        for event in events:
            async with home.transaction() as tx:
                await tx.audit.append(event)
        async with home.transaction() as tx:
            first = await tx.audit.page(AuditFilter(), None, 3)
            rest = await tx.audit.page(AuditFilter(), (first[-1].recorded_at, first[-1].id), 3)
        assert [row.event["resource"] for row in (*first, *rest)] == ["4", "3", "2", "1", "0"]

    async def test_a_row_is_the_canonical_event_and_its_leaf(self, home: Home) -> None:
        event = home.event(after={"b": 1, "a": [True, None]}, reason="größer", actor=home.ada.id)
        async with home.transaction() as tx:
            await tx.audit.append(event)
            (row,) = await tx.audit.page(AuditFilter(), None, 9)
        salt = row.event.pop("salt")
        assert row.event == event.to_json()
        assert len(salt) == 32
        assert row.leaf == leaf_of(canonical_bytes({**row.event, "salt": salt}))

    async def test_every_field_of_the_filter_narrows(self, home: Home) -> None:
        change = uuid4()
        wanted = home.event(
            action=Action.CHANGE_CREATED, actor=home.ada.id, resource_type="change", resource="c", change=change
        )
        async with home.transaction() as tx:
            await tx.audit.append(home.event())
            await tx.audit.append(wanted)
        async with home.transaction() as tx:
            everything = await tx.audit.page(AuditFilter(), None, 9)
            for narrow in (
                AuditFilter(action="change:record:created"),
                AuditFilter(actor=home.ada.id),
                AuditFilter(resource_type="change"),
                AuditFilter(resource="c"),
                AuditFilter(change=change),
                AuditFilter(since=everything[0].recorded_at),
            ):
                assert [row.id for row in await tx.audit.page(narrow, None, 9)] == [wanted.id]
            until = AuditFilter(until=everything[0].recorded_at)
            assert [row.id for row in await tx.audit.page(until, None, 9)] == [everything[1].id]


class TestOutbox:
    async def test_an_intent_is_kept(self, home: Home) -> None:
        intent = Intent(uuid4(), home.ada.id, "approve", uuid4(), {"reason": "so", "behalf": None}, LONG_AGO)
        async with home.transaction() as tx:
            await tx.intents.add(intent)
            assert await tx.intents.get(intent.id) == intent
            assert await tx.intents.get(uuid4()) is None
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.intents.add(intent)

    async def test_a_notice_is_told_once(self, home: Home) -> None:
        async with home.transaction() as tx:
            notice = Notice(uuid4(), "kill_switch", None, {"flag": "f"}, "/x", tx.now)
            await tx.notices.add(notice)
            await tx.notices.add(replace(notice, link="/other"))
            assert await tx.notices.due([notice.id, uuid4()]) == [notice]
        assert Waiting(WaitingKind.NOTICE, home.tenant.id, notice.id) in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.notices.delivered(notice.id)
            assert await tx.notices.due([notice.id]) == []

    async def test_a_failed_notice_waits_and_is_given_up_in_the_end(self, home: Home) -> None:
        async with home.transaction() as tx:
            notice = Notice(uuid4(), "kill_switch", home.bob.id, {}, "/x", tx.now)
            await tx.notices.add(notice)
            await tx.notices.failed(notice.id, "down")
            (due,) = await tx.notices.due([notice.id])
            assert due.attempts == 1
        assert Waiting(WaitingKind.NOTICE, home.tenant.id, notice.id) not in await home.store.waiting()
        async with home.transaction() as tx:
            for _ in range(18):
                await tx.notices.failed(notice.id, "down")
            assert len(await tx.notices.due([notice.id])) == 1
            await tx.notices.failed(notice.id, "down")
            assert await tx.notices.due([notice.id]) == []

    async def test_a_final_failure_is_final(self, home: Home) -> None:
        async with home.transaction() as tx:
            notice = Notice(uuid4(), "kill_switch", None, {}, "/x", tx.now)
            await tx.notices.add(notice)
            await tx.notices.failed(notice.id, "refused", final=True)
            assert await tx.notices.due([notice.id]) == []

    async def test_a_review_is_owed(self, home: Home) -> None:
        async with home.transaction() as tx:
            review = Review(uuid4(), PRODUCTION, "f", home.ada.id, "why", tx.now, tx.now + timedelta(hours=24))
            await tx.reviews.open(review)
            assert await tx.reviews.all() == [review]

    async def test_a_key_is_claimed_answered_and_replayed(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert (await tx.idempotency.claim(home.ada.id, "k", "print")).fresh
        async with home.transaction() as tx:
            running = await tx.idempotency.claim(home.ada.id, "k", "print")
            assert (running.fresh, running.status) == (False, None)
            assert (await tx.idempotency.claim(home.bob.id, "k", "print")).fresh
            await tx.idempotency.answer(home.ada.id, "k", 201, b"{}")
            other = await tx.idempotency.claim(home.ada.id, "k", "another")
            assert (other.fresh, other.fingerprint, other.status, other.body) == (False, "print", 201, b"{}")
            await tx.idempotency.release(home.ada.id, "k")
            assert not (await tx.idempotency.claim(home.ada.id, "k", "print")).fresh

    async def test_a_released_key_is_free(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.idempotency.claim(home.ada.id, "k", "print")
            await tx.idempotency.release(home.ada.id, "k")
            assert (await tx.idempotency.claim(home.ada.id, "k", "other")).fresh


class TestTelemetry:
    async def test_counts_once_and_accumulates(self, home: Home) -> None:
        query = MetricQuery(SourceKind.TELEMETRY, home.tenant.id, PRODUCTION, "f", "on", "off")
        early = TelemetrySample(PRODUCTION, "f", "on", LONG_AGO, 10, 1, ((0.1, 4), (0.5, 6)))
        late = replace(early, window_end=LONG_AGO + timedelta(minutes=1), errors=0, buckets=((0.1, 10),))
        elsewhere = replace(early, environment=DEV)
        batch = TelemetryBatch(uuid4(), "b-1", (early, late, elsewhere))
        async with home.transaction() as tx:
            assert await tx.telemetry.add(batch)
            assert not await tx.telemetry.add(batch)
            first = await tx.telemetry.reading(query, LONG_AGO)
            both = await tx.telemetry.reading(query, LONG_AGO + timedelta(hours=1))
        assert (first.at, first.control) == (LONG_AGO, None)
        assert (first.candidate.requests, first.candidate.errors) == (10, 1)
        assert first.candidate.buckets == ((0.1, 4), (0.5, 10), (float("inf"), 10))
        assert (both.candidate.requests, both.candidate.errors) == (20, 1)
        assert both.candidate.buckets == ((0.1, 14), (0.5, 20), (float("inf"), 20))

    async def test_an_arm_without_buckets_has_none(self, home: Home) -> None:
        query = MetricQuery(SourceKind.TELEMETRY, home.tenant.id, PRODUCTION, "f", "on", "off")
        async with home.transaction() as tx:
            await tx.telemetry.add(
                TelemetryBatch(uuid4(), "b", (TelemetrySample(PRODUCTION, "f", "off", LONG_AGO, 5, 0),))
            )
            reading = await tx.telemetry.reading(query, LONG_AGO)
        assert (reading.candidate, reading.control.buckets) == (None, ())


class TestWaiting:
    async def test_an_unstarted_rollout_waits(self, home: Home) -> None:
        change = await home.submitted()
        row = Waiting(WaitingKind.ROLLOUT, home.tenant.id, change.id)
        assert row in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.rollouts.mark_started(change.id)
        assert row not in await home.store.waiting()

    async def test_one_that_is_just_being_started_does_not(self, home: Home) -> None:
        change = home.change()
        async with home.transaction() as tx:
            await tx.changes.add(change)
            await tx.rollouts.add(home.rollout(change, created_at=tx.now))
        assert Waiting(WaitingKind.ROLLOUT, home.tenant.id, change.id) not in await home.store.waiting()

    async def test_a_kill_waits_until_its_rollout_has_ended(self, home: Home) -> None:
        change = await home.submitted()
        row = Waiting(WaitingKind.KILLED, home.tenant.id, change.id)
        running = home.rollout(change, state=State.RUNNING)
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.rollouts.save(running)
        assert row not in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(2), expected=1)
        assert row in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.rollouts.save(replace(running, state=State.ROLLING_BACK))
        assert row not in await home.store.waiting()
