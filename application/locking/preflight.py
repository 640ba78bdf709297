"""Once it holds its targets, a rollout is looked at again before anybody sees it: content, votes, targets, stages."""

from dataclasses import dataclass, replace

from application import parts
from application.bases import over_the_same
from application.every_subject import MEANINGS, subject_of
from application.going_before import still_before
from application.ports.store import Transaction
from domain.approvals import Standing, Voter
from domain.changes import ChangeSet
from domain.errors import Refusal, Unavailable
from domain.rollouts import Rollout, State

TAKEN_OVER = "taken_over"


@dataclass(frozen=True)
class Verdict:
    """RUNNING with the rollout as it starts, or why it does not."""

    state: State
    why: str = ""
    rollout: Rollout | None = None


async def preflight(tx: Transaction, rollout: Rollout, old: Rollout | None = None) -> Verdict:
    """`old` is what it takes over from: its targets stand as that left them."""
    change = await tx.changes.get(rollout.change)
    approval = await tx.approvals.get(rollout.change, lock=True)
    if change is None or approval is None or not change.intact or change.digest != approval.digest:
        return Verdict(State.INVALIDATED, "digest_tampered")
    voters = await tx.people.by_ids([ballot.behalf or ballot.voter for ballot in approval.ballots])
    if approval.standing is Standing.APPROVED and approval.tally.ineligible(
        [Voter.of(voter.actor) for voter in voters]
    ):
        return Verdict(State.AWAITING_APPROVAL, "approver_no_longer_eligible")
    if rollout.emergency is None and await still_before(tx, rollout.plan.after) not in {None, State.SUCCEEDED}:
        return Verdict(State.INVALIDATED, "change_before_did_not_succeed")
    try:
        if old is None and await parts.bases_moved(tx, rollout, change):
            return Verdict(State.INVALIDATED, "base_version_moved")
        await subject_of(rollout.kind).check_content(tx, change)
        begins = _inherits(rollout, old) if old else await _over_present(tx, rollout, change)
        begins = replace(begins, stages=await parts.snapshot(tx, begins, change))
    except Unavailable:
        raise
    except Refusal:
        return Verdict(State.INVALIDATED, "content_no_longer_valid")
    if old is not None:
        await parts.hand_over(tx, old, begins)
        begins = replace(begins, stages=await parts.snapshot(tx, begins, change))  # those of the old one count, too
    return Verdict(State.RUNNING, TAKEN_OVER if old else "preflight_passed", begins)


async def _over_present(tx: Transaction, rollout: Rollout, change: ChangeSet) -> Rollout:
    """What it was written over may have gone and come back since: the content is the same, its number is not."""
    if change.content.tenants is not None or change.target.kind in MEANINGS:
        return replace(rollout, stage=0)
    version = (await over_the_same(tx, change)).target.base_version
    return replace(rollout, stage=0, base_version=version, live_version=version)


def _inherits(rollout: Rollout, old: Rollout) -> Rollout:
    return replace(rollout, stage=old.stage, base_version=old.base_version, live_version=old.live_version)
