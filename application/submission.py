"""Submitting fixes the change, opens its approval and takes the target, in one transaction; Temporal comes after."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from application.bypassing import Emergency, bypass, check_emergency
from application.changes import existing_change, plan_of
from application.closing import invalidated
from application.every_subject import subject_of
from application.locking.confounding import confounded_with
from application.locking.holding import check_not_rejected, claimed, in_turn, over_stable
from application.locking.rules import check_rules, timed
from application.locking.waiting import check_thawed
from application.newer import withdraw_older
from application.notices import tell_level
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.progression import Step, begun, move
from application.recording import record
from application.taking_back import relieved
from domain.approvals import Approval, Ballot, EmergencyScheduled, Standing
from domain.audit import Action
from domain.changes import BaseVersionConflict, ChangeNotDraft, ChangeSet, ChangeStatus, DigestTampered
from domain.errors import Missing, Stale, Unavailable
from domain.people import Actor, Permission
from domain.rollouts import Rollout, State, TooLate

log = structlog.get_logger()


@dataclass(frozen=True)
class Submitted:
    change: ChangeSet
    approval: Approval
    rollout: Rollout
    confounded: tuple[UUID, ...] = ()


class Submission:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def submit(
        self,
        actor: Actor,
        change_id: UUID,
        *,
        expected: int | None = None,
        emergency: Emergency | None = None,
        may: Permission = Permission.CHANGE_PROPOSE,
    ) -> Submitted:
        """Submitting what was submitted gives the same answer again; in an `emergency` nobody is asked.

        Raises Missing, Stale, ChangeNotDraft, BaseVersionConflict, TargetBusy.
        """
        if emergency is None:
            actor.require(may)
        async with self._store.transaction(actor.tenant) as tx:
            change = await existing_change(tx, change_id, lock=True)
            ended: list[UUID] = []
            if change.status is not ChangeStatus.SUBMITTED:
                ended = await _fix(tx, actor, change, expected, emergency)
            submitted = await _submitted(tx, change_id)
        for each in ended:
            await self._tell(each)
        await self._start(submitted, actor.handle)
        return submitted

    async def submitted(self, actor: Actor, change_id: UUID) -> Submitted:
        """What was submitted, as it stands now."""
        async with self._store.transaction(actor.tenant) as tx:
            return await _submitted(tx, change_id)

    async def _tell(self, approval: UUID) -> None:
        try:
            await self._processes.closed(approval)
        except Unavailable:
            log.warning("approval.end_untold", approval=str(approval))  # it looks by itself when it next wakes

    async def _start(self, submitted: Submitted, requester: str) -> None:
        try:
            await self._processes.start_rollout(submitted.rollout, submitted.approval, requester)
        except Unavailable:
            log.warning("rollout.start_delayed", rollout=str(submitted.rollout.id))
            return
        async with self._store.transaction(submitted.rollout.tenant) as tx:
            await tx.rollouts.mark_started(submitted.rollout.id)


async def start_waiting(store: Store, processes: Processes, tenant: UUID, rollout_id: UUID) -> None:
    """Start what was committed and never reached Temporal."""
    async with store.transaction(tenant) as tx:
        submitted = await _submitted(tx, rollout_id)
        requester = await tx.people.actor(submitted.rollout.requester)
    await processes.start_rollout(submitted.rollout, submitted.approval, requester.handle if requester else "")
    async with store.transaction(tenant) as tx:
        await tx.rollouts.mark_started(rollout_id)


async def _fix(
    tx: Transaction, actor: Actor, change: ChangeSet, expected: int | None, emergency: Emergency | None = None
) -> list[UUID]:
    """Returns the approvals that this submission has ended."""
    _check(change, expected)
    await in_turn(tx, change)
    rollout = _rollout(change, actor, tx)
    if emergency is not None:
        await check_emergency(tx, actor, emergency)
        rollout = emergency.on(rollout)
    _check_moments(rollout, tx.now)
    await check_not_rejected(tx, rollout, change)
    await _check_base(tx, change)
    reach, policy = await relieved(tx, change, *await subject_of(change.target.kind).asks(tx, change))
    policy = await timed(tx, policy)
    fixed = replace(change, status=ChangeStatus.SUBMITTED, revision=change.revision + 1, reach=reach)
    await tx.changes.save_status(fixed)
    approval = Approval(
        change.id, change.tenant, change.target.environment, change.digest,
        tuple(dict.fromkeys((*change.authors, actor.id))), policy, Standing.PENDING, tx.now, tx.now,
    )  # fmt: skip
    await tx.approvals.open(approval)
    await record(tx, Action.CHANGE_SUBMITTED, ("change", change.id), actor=actor, change=change.id,
                 reason=change.reason, after={"digest": change.digest})  # fmt: skip
    await record(tx, Action.APPROVAL_REQUESTED, ("approval", change.id), actor=actor, change=change.id,
                 after={"policy": policy.to_json(), "digest": change.digest, "reach": reach.to_json()})  # fmt: skip
    taken_over = await _take_over(tx, actor, change)
    ended = [*([taken_over] if taken_over else []), *await withdraw_older(tx, actor, change, policy)]
    await check_rules(tx, rollout)
    await check_thawed(tx, rollout, change, approval)
    await begun(tx, rollout, actor)
    await claimed(tx, rollout, change)
    if change.supersedes is not None:
        await _keep_votes(tx, change, approval)
    if emergency is None:
        await _asked(tx, actor, change)
    else:
        await bypass(tx, actor, change, approval, emergency)
    return ended


def _check(change: ChangeSet, expected: int | None) -> None:
    if change.status is not ChangeStatus.DRAFT:
        raise ChangeNotDraft(status=change.status.value)
    if expected is not None and change.revision != expected:
        raise Stale(revision=change.revision, expected=expected)
    if not change.intact:
        raise DigestTampered(change=str(change.id))


def _check_moments(rollout: Rollout, now: datetime) -> None:
    """A draft may have been left lying until it is too late."""
    plan = rollout.plan
    if plan.apply_by is not None and plan.apply_by <= now:
        raise TooLate(apply_by=plan.apply_by.isoformat())
    if rollout.emergency is not None and plan.apply_at is not None and plan.apply_at > now:
        raise EmergencyScheduled(apply_at=plan.apply_at.isoformat())


async def _asked(tx: Transaction, actor: Actor, change: ChangeSet) -> None:
    """The approvers of the first level hear of it."""
    approval = await _approval(tx, change.id)
    facts = {
        "title": f"{change.target.kind.value} {change.label}",
        "environment": change.target.environment.value,
        "requester": actor.handle,
        "deadline": approval.timetable.deadline.isoformat(timespec="minutes"),
    }
    await tell_level(tx, "approval_requested", approval, facts)


async def _check_base(tx: Transaction, change: ChangeSet) -> None:
    """While a rollout holds its target, a change may be written over what that would go back to."""
    try:
        await subject_of(change.target.kind).check_base(tx, change)
    except BaseVersionConflict:
        if not await over_stable(tx, change.content.targets):
            raise


async def _take_over(tx: Transaction, actor: Actor, change: ChangeSet) -> UUID | None:
    """An author's newer version ends the older one that still awaits approval, and takes its target."""
    older = await tx.rollouts.get(change.supersedes, lock=True) if change.supersedes else None
    if older is None or older.state is not State.AWAITING_APPROVAL:
        return None
    target, old = change.target, await existing_change(tx, older.change)
    if actor.id not in old.authors or (older.environment, older.key) != (target.environment, change.label):
        return None
    step = Step(older.id, older.tenant, f"superseded_by:{change.id}", tx.now)
    ended = await move(tx, older, step, State.SUPERSEDED, "newer_version_submitted", actor=actor)
    await invalidated(tx, ended, "newer_version_submitted")
    return older.change


def _rollout(change: ChangeSet, actor: Actor, tx: Transaction) -> Rollout:
    target = change.target
    return Rollout(
        id=change.id,
        tenant=change.tenant,
        environment=target.environment,
        key=change.label,
        change=change.id,
        digest=change.digest,
        requester=actor.id,
        plan=plan_of(change),
        state=State.AWAITING_APPROVAL,
        created_at=tx.now,
        base_version=target.base_version,
        live_version=target.base_version,
        kind=target.kind,
        priority=1 if change.reverts is not None else 0,
        reverts=change.reverts,
        watched=change.content.metrics is not None,
    )


async def _keep_votes(tx: Transaction, change: ChangeSet, approval: Approval) -> None:
    """A rebase whose content is byte for byte the old content keeps the votes of the change that it supersedes.

    Once only, and only where the base had moved before the old change was exposed: a yes is not used twice.
    """
    old = await tx.changes.get(change.supersedes, lock=True) if change.supersedes else None
    previous = await tx.approvals.get(old.id) if old else None
    if old is None or previous is None or previous.standing is not Standing.INVALIDATED:
        return
    if old.status is not ChangeStatus.SUBMITTED:
        return
    await tx.changes.save_status(replace(old, status=ChangeStatus.SUPERSEDED, revision=old.revision + 1))
    await record(tx, Action.CHANGE_SUPERSEDED, ("change", old.id), change=old.id, after={"by": str(change.id)})
    if not old.intact or not old.content.same_as(change.content):
        return
    authors = approval.authors
    for vote in await tx.approvals.votes(old.id):
        ballot = vote.ballot
        stands = vote.dropped is None and ballot.digest == old.digest and ballot.level < len(approval.policy.levels)
        if stands and ballot.voter not in authors and ballot.behalf not in authors:
            kept = Ballot(ballot.voter, ballot.level, ballot.answer, change.digest, ballot.behalf)
            await tx.approvals.cast(
                change.id, kept, author=change.author, reason=vote.reason, via=f"kept from {old.id}"
            )
            await record(tx, Action.VOTE_CAST, ("approval", change.id), actor=ballot.voter, change=change.id,
                         reason=vote.reason, after={"kept_from": str(old.id), "level": ballot.level + 1})  # fmt: skip


async def _approval(tx: Transaction, approval_id: UUID) -> Approval:
    approval = await tx.approvals.get(approval_id)
    if approval is None:
        raise LookupError(f"change {approval_id} was submitted without an approval")
    return approval


async def _submitted(tx: Transaction, change_id: UUID) -> Submitted:
    change = await existing_change(tx, change_id)
    rollout = await tx.rollouts.get(change_id)
    if rollout is None:
        raise Missing(kind_of_thing="rollout", id=str(change_id))  # a close of a period is approved, and has none
    confounded = await confounded_with(tx, rollout, change)
    return Submitted(change, await _approval(tx, change_id), rollout, tuple(confounded))
