"""Before a rollout starts, and before it rises, the database is asked whether it still may."""

from dataclasses import dataclass

from application.every_subject import subject_of
from application.ports.store import Transaction
from domain.approvals import Voter
from domain.changes import BaseVersionConflict
from domain.errors import Refusal, Unavailable
from domain.gates import Verdict
from domain.rollouts import DeadlineAction, Rollout, State, Verb, cause_of

PROMOTED = cause_of(Verb.PROMOTE)


@dataclass(frozen=True)
class Admission:
    """How PREFLIGHT ended: RUNNING, or back to AWAITING_APPROVAL, or INVALIDATED or EXPIRED, and why."""

    state: State
    why: str = ""


async def preflight(tx: Transaction, rollout: Rollout) -> Admission:
    """Content, votes and target, as they are now."""
    change = await tx.changes.get(rollout.change)
    approval = await tx.approvals.get(rollout.change, lock=True)
    if change is None or approval is None or not change.intact or change.digest != approval.digest:
        return Admission(State.INVALIDATED, "digest_tampered")
    voters = await tx.people.by_ids([ballot.behalf or ballot.voter for ballot in approval.ballots])
    gone = approval.tally.ineligible([Voter.of(voter.actor) for voter in voters])
    if gone:
        return Admission(State.AWAITING_APPROVAL, "approver_no_longer_eligible")
    subject = subject_of(rollout.kind)
    try:
        await subject.check_base(tx, change, hold=True)
        await subject.check_content(tx, change)
    except BaseVersionConflict:
        return Admission(State.INVALIDATED, "base_version_moved")
    except Unavailable:
        raise
    except Refusal:
        return Admission(State.INVALIDATED, "content_no_longer_valid")
    return Admission(State.RUNNING)


async def may_rise(tx: Transaction, rollout: Rollout) -> bool:
    """I1, asked of the database: whoever reaches Temporal cannot raise exposure past a gate."""
    if rollout.verdict is Verdict.PASS:
        return True
    if rollout.verdict is Verdict.INCONCLUSIVE and rollout.plan.on_inconclusive is DeadlineAction.ADVANCE:
        return True
    timeline = await tx.rollouts.timeline(rollout.id)
    if any(line.stage == rollout.stage and line.cause == PROMOTED for line in timeline):
        return True
    if rollout.plan.on_manual_deadline is not DeadlineAction.ADVANCE or rollout.verdict is Verdict.FAIL:
        return False
    checks = await tx.evidence.all(rollout.id)
    return any(check.stage == rollout.stage and check.verdict is Verdict.PASS for check in checks)
