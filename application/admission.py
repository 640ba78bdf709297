"""Before a rollout starts, the database is asked whether it still may."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.closing import closed, drop_votes, facts, invalidated, link
from application.every_subject import subject_of
from application.notices import tell
from application.ports.store import Store, Transaction
from application.progression import Step, locked, move
from domain.approvals import Standing, Voter
from domain.changes import BaseVersionConflict
from domain.errors import Refusal, Unavailable
from domain.rollouts import Phase, Rollout, State


@dataclass(frozen=True)
class Admission:
    """How PREFLIGHT ended: RUNNING, or back to AWAITING_APPROVAL, or INVALIDATED or EXPIRED, and why.

    In a state that waits, `until` is when to ask again at the latest; `stages` is how many there are of what runs.
    """

    state: State
    why: str = ""
    until: datetime | None = None
    stages: int | None = None


class Admitting:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, step: Step) -> Admission:
        """From approval through SCHEDULED and QUEUED to PREFLIGHT, where everything is checked again.

        A change that was to wait is SCHEDULED already; its approval is valid from the moment that it waited for.
        """
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            if rollout.state not in {State.AWAITING_APPROVAL, State.SCHEDULED}:
                return Admission(rollout.state, rollout.cause or "")
            approval = await tx.approvals.get(rollout.change, lock=True)
            if approval is None or not approval.standing.passes:
                return Admission(State.AWAITING_APPROVAL, "not_approved")
            since = approval.closed_at
            if since is not None and tx.now - max(since, rollout.plan.apply_at or since) > approval.policy.validity:
                return await _overdue(tx, rollout, step)
            for state in (State.SCHEDULED, State.QUEUED, State.PREFLIGHT):
                if rollout.state is not state:
                    rollout = await move(tx, rollout, _part(step, state), state, "approved")
            verdict = await preflight(tx, rollout)
            if verdict.state is State.AWAITING_APPROVAL:
                await drop_votes(tx, rollout, verdict.why)
            await move(tx, rollout, _part(step, verdict.state), verdict.state, verdict.why or "preflight_passed",
                       stage=0 if verdict.state is State.RUNNING else None,
                       phase=Phase.APPLYING if verdict.state is State.RUNNING else None)  # fmt: skip
            if verdict.state is State.INVALIDATED:
                await invalidated(tx, rollout, verdict.why)
            return verdict


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


def _part(step: Step, state: State) -> Step:
    return replace(step, name=f"{step.name}:{state.value.lower()}")


async def _overdue(tx: Transaction, rollout: Rollout, step: Step) -> Admission:
    """An approval is a yes to a change now, not whenever."""
    why = "approval_validity_over"
    if rollout.state is not State.SCHEDULED:
        rollout = await move(tx, rollout, _part(step, State.SCHEDULED), State.SCHEDULED, "approved")
    await move(tx, rollout, _part(step, State.EXPIRED), State.EXPIRED, why)
    await closed(tx, rollout.change, Standing.EXPIRED)
    people = [rollout.requester, None]
    await tell(tx, "approval_expired", people, facts(rollout), link=link(rollout), seed=rollout.id)
    return Admission(State.EXPIRED, why)
