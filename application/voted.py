"""What no rollout carries out is put to a vote as a change is, in the transaction that asks for it."""

from application.locking.rules import timed
from application.notices import tell_level
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import Approval, ApprovalPolicy, Standing
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.environments import Environment


async def voted_on(tx: Transaction, change: ChangeSet, policy: ApprovalPolicy, title: str, told: Json) -> Approval:
    """By a policy that has decided; `told` goes into the trail."""
    await tx.changes.add(change)
    requester = await tx.people.actor(change.author)
    await record(tx, Action.CHANGE_SUBMITTED, ("change", change.id), actor=requester, change=change.id,
                 reason=change.reason, after={"digest": change.digest, **told})  # fmt: skip
    policy = await timed(tx, policy)
    approval = Approval(
        change.id, tx.tenant, Environment.PRODUCTION, change.digest, change.authors, policy, Standing.PENDING, tx.now,
        tx.now,
    )  # fmt: skip
    await tx.approvals.open(approval)
    await record(tx, Action.APPROVAL_REQUESTED, ("approval", change.id), actor=requester, change=change.id,
                 after={"policy": policy.to_json(), "digest": change.digest})  # fmt: skip
    facts = {
        "title": title,
        "environment": Environment.PRODUCTION.value,
        "requester": requester.handle if requester else "",
        "deadline": approval.timetable.deadline.isoformat(timespec="minutes"),
    }
    await tell_level(tx, "approval_requested", approval, facts)
    return approval
