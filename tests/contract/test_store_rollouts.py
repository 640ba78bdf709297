from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.records import (
    Check,
)
from domain.approvals import (
    AlreadyVoted,
    Answer,
    ApprovalClosed,
    Ballot,
    DigestMismatch,
    SelfApproval,
    Standing,
)
from domain.errors import AlreadyExists
from domain.gates import Verdict
from domain.people import Principal
from domain.rollouts import (
    AlreadyTerminal,
    Phase,
    State,
    Transition,
    default_plan,
)
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

DAY = timedelta(days=1)


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
                live_version=3, revision=2, stages=4, superseded_by=uuid4(), emergency="INC-7", priority=2,
                reverts=uuid4(), ended_at=LONG_AGO,
            )  # fmt: skip
            await tx.rollouts.save(moved)
            await tx.rollouts.mark_started(change.id)
        async with home.transaction() as tx:
            assert await tx.rollouts.get(change.id) == replace(moved, started=True)
            assert await tx.rollouts.get(uuid4()) is None

    async def test_several_may_be_open_for_one_target(self, home: Home) -> None:
        first, second = await home.submitted(), await home.submitted()
        async with home.transaction() as tx:
            assert {each.id for each in await tx.rollouts.page(None, 9)} == {first.id, second.id}
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.rollouts.add(home.rollout(second))

    async def test_those_that_are_to_start_are_listed_by_their_moment(self, home: Home) -> None:
        async def planned(day: int, state: State = State.SCHEDULED, **plan: Any) -> UUID:
            change = home.change()
            moments = replace(default_plan(PRODUCTION), **plan)
            async with home.transaction() as tx:
                await tx.changes.add(change)
                await tx.rollouts.add(home.rollout(change, state=state, plan=moments, created_at=LONG_AGO - day * DAY))
            return change.id

        later, sooner = [await planned(n, apply_at=LONG_AGO + (9 - n) * DAY, apply_by=LONG_AGO) for n in range(2)]
        beside = await planned(2, State.AWAITING_APPROVAL, apply_at=LONG_AGO + 9 * DAY)
        await planned(3, State.RUNNING, apply_at=LONG_AGO)
        await planned(4)
        last = sorted([later, beside])
        async with home.transaction() as tx:
            (first,) = await tx.rollouts.scheduled(None, 1)
            assert first.id == sooner
            rest = await tx.rollouts.scheduled((LONG_AGO + 8 * DAY, sooner), 9)
            assert [each.id for each in rest] == last
            assert await tx.rollouts.scheduled((LONG_AGO + 9 * DAY, last[0]), 9) == rest[1:]

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
            assert await tx.rollouts.page((rollouts[1].created_at, rollouts[1].id), 2) == [rollouts[0]]

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
