"""Reaching Temporal is not enough to vote: a signed assertion decides, and nothing that is sent stops the workflow."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from application.approvals import VoteWish
from domain.approvals import Answer, Level, Standing
from domain.audit import Action
from domain.people import Actor
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, Theatre, known, seen

APPROVE = VoteWish(Answer.APPROVE)
UNREADABLE = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"\xff{"))
NO_ENCODING = RawValue(Payload(metadata={"encoding": b"made/up"}, data=b"?"))


async def assertion(stage: Theatre, who: Actor, change: UUID, answer: Answer = Answer.APPROVE) -> str:
    signed = await stage.approvals.assertion(who, change, VoteWish(answer, "because of the story"))
    assert signed is not None
    return signed


async def signal(stage: Theatre, change: UUID, name: str, *said: Any) -> None:
    await stage.handle(change, "approval").signal(name, args=list(said))


async def refusals(stage: Theatre, change: UUID, many: int) -> Sequence[str]:
    """What the audit trail says was refused to signals, once there are so many of them."""

    async def there() -> list[dict[str, Any]]:
        events = await stage.audited(Action.VOTE_REFUSED, change)
        found = [event for event in events if event["after"]["via"] == "signal"]
        return found if len(found) >= many else []

    return [event["after"]["refusal"] for event in await seen(there)]


async def counted(stage: Theatre, who: Actor, change: UUID) -> bool:
    return who.id in await stage.ballots(change)


async def still_works(stage: Theatre, change: UUID) -> None:
    """The workflow is healthy: the vote that was missing ends it."""
    assert await stage.standing(change) is Standing.PENDING
    await stage.approve(change, stage.house.dee)
    assert await stage.end(change) is State.SUCCEEDED


@pytest.fixture
async def waiting(stage: Theatre) -> UUID:
    """A change that one vote approves."""
    await stage.policy(Level())
    change = await stage.submit(plan=DIRECT)
    await seen(lambda: known(stage.handle(change, "approval")))
    return change


@pytest.mark.req("FR-CFG-005")
class TestSignalledVote:
    async def test_signed_assertion_counts(self, stage: Theatre, waiting: UUID) -> None:
        signed = await assertion(stage, stage.house.bob, waiting)
        await signal(stage, waiting, "approve", {"assertion": signed})
        assert await stage.end(waiting) is State.SUCCEEDED
        (cast,) = await stage.audited(Action.VOTE_CAST, waiting)
        assert (cast["actor"], cast["after"]["via"]) == (str(stage.house.bob.id), "signal")

    async def test_two_levels_by_signal(self, stage: Theatre) -> None:
        change = await stage.submit(plan=DIRECT)
        await seen(lambda: known(stage.handle(change, "approval")))
        for who in (stage.house.bob, stage.house.cyd):
            signed = await assertion(stage, who, change)
            await signal(stage, change, "approve", {"assertion": signed})
            await seen(lambda: counted(stage, who, change))  # noqa: B023 -- awaited before the next voter
        assert await stage.end(change) is State.SUCCEEDED

    async def test_signed_rejection_counts(self, stage: Theatre, waiting: UUID) -> None:
        signed = await assertion(stage, stage.house.bob, waiting, Answer.REJECT)
        await signal(stage, waiting, "reject", {"assertion": signed})
        assert await stage.end(waiting) is State.REJECTED

    async def test_unsigned_empty_garbage_and_forged_ones_are_refused_and_audited(
        self, stage: Theatre, waiting: UUID
    ) -> None:
        signed = await assertion(stage, stage.house.bob, waiting)
        head, body, _ = signed.split(".")
        said: list[tuple[Any, ...]] = [
            (),
            ({"voter": str(stage.house.bob.id)},),
            ("approve",),
            (None,),
            ([1, 2],),
            ({"assertion": 7},),
            ({"assertion": ""},),
            ({"assertion": "x" * 10_000},),
            ({"assertion": "\x00é"},),
            ({"assertion": signed}, "and more"),
            (UNREADABLE,),
            (NO_ENCODING,),
            ({"assertion": f"{head}.{body}.{'A' * 86}"},),
        ]
        counted = [case for case in said if case and isinstance(case[0], dict) and case[0].get("assertion") == signed]
        for case in said:
            if case not in counted:
                await signal(stage, waiting, "approve", *case)
        many = len(said) - len(counted)
        assert list(await refusals(stage, waiting, many)) == ["assertion-forged"] * many
        assert await stage.ballots(waiting) == []
        await signal(stage, waiting, "approve", *counted[0])
        assert await stage.end(waiting) is State.SUCCEEDED

    async def test_lone_surrogate_stops_nothing(self, stage: Theatre, waiting: UUID) -> None:
        lone = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=rb'{"assertion": "\ud800"}'))
        await signal(stage, waiting, "approve", lone)
        assert list(await refusals(stage, waiting, 1)) == ["assertion-forged"]
        await still_works(stage, waiting)

    async def test_unknown_signal_is_ignored(self, stage: Theatre, waiting: UUID) -> None:
        for name in ("approved", "APPROVE", "closed", ""):
            await signal(stage, waiting, name or "x" * 200, {"assertion": "x"}, UNREADABLE)
        await still_works(stage, waiting)

    async def test_assertion_for_another_approval_is_refused(self, stage: Theatre, waiting: UUID) -> None:
        await stage.flag("other")
        other = await stage.submit("other", plan=DIRECT)
        signed = await assertion(stage, stage.house.bob, other)
        await signal(stage, waiting, "approve", {"assertion": signed})
        assert list(await refusals(stage, waiting, 1)) == ["assertion-forged"]
        await still_works(stage, waiting)

    async def test_assertion_of_the_other_answer_is_refused(self, stage: Theatre, waiting: UUID) -> None:
        signed = await assertion(stage, stage.house.bob, waiting, Answer.REJECT)
        await signal(stage, waiting, "approve", {"assertion": signed})
        assert list(await refusals(stage, waiting, 1)) == ["assertion-forged"]
        await still_works(stage, waiting)

    async def test_assertion_shown_too_late_is_refused(self, stage: Theatre, waiting: UUID) -> None:
        signed = await assertion(stage, stage.house.bob, waiting)
        stage.later = timedelta(minutes=6)
        await signal(stage, waiting, "approve", {"assertion": signed})
        assert list(await refusals(stage, waiting, 1)) == ["assertion-expired"]
        await still_works(stage, waiting)

    async def test_assertion_shown_again_counts_once(self, stage: Theatre) -> None:
        change = await stage.submit(plan=DIRECT)
        await seen(lambda: known(stage.handle(change, "approval")))
        signed = await assertion(stage, stage.house.bob, change)
        for _ in range(3):
            await signal(stage, change, "approve", {"assertion": signed})
        await seen(lambda: stage.ballots(change))
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        assert [event["actor"] for event in await stage.audited(Action.VOTE_CAST, change)] == [
            str(stage.house.bob.id),
            str(stage.house.cyd.id),
        ]


class TestStrangeUpdates:
    async def test_they_are_refused_and_stop_nothing(self, stage: Theatre, waiting: UUID) -> None:
        handle = stage.handle(waiting, "approval")
        lone = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=rb'{"assertion": "\ud800"}'))
        for name in ("approve", "reject", "withdraw_vote", "promote"):
            for said in ([], ["x"], [{"assertion": "x", "voter": "nobody"}], [1, 2], [UNREADABLE], [lone]):
                with pytest.raises(WorkflowUpdateFailedError):
                    await handle.execute_update(name, args=said, rpc_timeout=timedelta(seconds=5))
        await still_works(stage, waiting)

    async def test_operator_signals_without_proof_move_nothing(self, stage: Theatre) -> None:
        change = await stage.launch()
        for name in ("pause", "abort", "rollback", "promote", "resume", "withdraw", "made_up"):
            for said in ((), ({"assertion": "x"},), (UNREADABLE, 2), (str(uuid4()),)):
                await stage.handle(change).signal(name, args=list(said))

        async def refused() -> bool:
            return len(await stage.audited(Action.ACT_REFUSED, change)) == 24

        await seen(refused)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
