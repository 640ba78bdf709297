"""What ends with a rollout ends in the same transaction, and whoever it concerns is told."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.notices import tell, tell_level
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import Approval, Standing, Voter
from domain.audit import Action
from domain.changes import ChangeStatus
from domain.people import Actor
from domain.rollouts import Rollout


async def closed(tx: Transaction, approval_id: UUID, standing: Standing) -> None:
    """The approval ends with what it was for."""
    approval = await tx.approvals.get(approval_id, lock=True)
    if approval is None or approval.standing is standing:
        return
    await close(tx, approval, standing)


async def close(
    tx: Transaction,
    approval: Approval,
    standing: Standing,
    *,
    actor: Actor | None = None,
    at: datetime | None = None,
    **more: str,
) -> None:
    """The request ends, and whoever was asked elsewhere will hear of it."""
    await tx.approvals.close(approval.id, standing)
    await tx.outward.look_again(approval.id)
    await record(tx, Action.APPROVAL_CLOSED, ("approval", approval.id), actor=actor, change=approval.id, at=at,
                 before={"standing": approval.standing.value}, after={"standing": standing.value, **more})  # fmt: skip


async def taken_back(tx: Transaction, rollout: Rollout) -> None:
    """The change and its approval end with a rollout that was withdrawn or cancelled before it was exposed."""
    change = await tx.changes.get(rollout.change, lock=True)
    if change is not None and change.status is ChangeStatus.SUBMITTED:
        await tx.changes.save_status(replace(change, status=ChangeStatus.WITHDRAWN, revision=change.revision + 1))
        await record(tx, Action.CHANGE_WITHDRAWN, ("change", change.id), change=change.id)
    await closed(tx, rollout.change, Standing.WITHDRAWN)


async def drop_votes(tx: Transaction, rollout: Rollout, why: str) -> None:
    approval = await tx.approvals.get(rollout.change, lock=True)
    if approval is None:
        return
    voters = await tx.people.by_ids([ballot.behalf or ballot.voter for ballot in approval.ballots])
    for voter in approval.tally.ineligible([Voter.of(person.actor) for person in voters]):
        await tx.approvals.drop(approval.id, voter, why)
        await record(tx, Action.VOTE_DROPPED, ("approval", approval.id), change=rollout.change,
                     before={"voter": str(voter)}, after={"why": why})  # fmt: skip
    await tx.approvals.reopen(approval.id)
    reopened = await tx.approvals.get(approval.id)
    if reopened is not None:
        dropped = sum(vote.dropped is not None for vote in await tx.approvals.votes(approval.id))
        said = await asked(tx, reopened, occasion=f"reopened/{dropped}")  # who is asked once more is told once more
        await tell_level(tx, "approval_requested", reopened, said)


async def invalidated(tx: Transaction, rollout: Rollout, why: str) -> None:
    approval = await tx.approvals.get(rollout.change)
    voters = [ballot.voter for ballot in approval.ballots] if approval else []
    await closed(tx, rollout.change, Standing.INVALIDATED)
    people = [rollout.requester, *voters, None]
    await tell(tx, "votes_invalidated", people, facts(rollout, cause=why), link=link(rollout), seed=rollout.id)


async def finished(tx: Transaction, rollout: Rollout) -> None:
    outcome = facts(rollout, outcome=rollout.state.value.lower())
    await tell(tx, "rollout_finished", [rollout.requester, None], outcome, link=link(rollout), seed=rollout.id)


async def asked(tx: Transaction, approval: Approval, **more: str) -> dict[str, str]:
    """What is told of a request: of what, by whom and until when."""
    change = await tx.changes.get(approval.id)
    requester = await tx.people.actor(approval.authors[0])
    return {
        "title": f"{change.target.kind.value} {change.label}" if change else "",
        "environment": approval.environment.value,
        "requester": requester.handle if requester else "",
        "deadline": approval.timetable.deadline.isoformat(timespec="minutes"),
        **more,
    }


def facts(rollout: Rollout, **more: str) -> dict[str, str]:
    return {"title": f"{rollout.kind.value} {rollout.key}", "environment": rollout.environment.value, **more}


def link(rollout: Rollout) -> str:
    return f"/rollouts/{rollout.id}"
