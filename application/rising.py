"""Before a rollout rises, the database is asked whether it still may."""

from application.ports.store import Transaction
from domain.gates import Verdict
from domain.rollouts import DeadlineAction, Rollout, Verb, cause_of

PROMOTED = cause_of(Verb.PROMOTE)


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
