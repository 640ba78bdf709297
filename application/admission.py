"""Before a rollout starts, the database is asked whether it still may; where it must wait, it is told for what."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.changes import existing_change
from application.closing import closed, drop_votes, facts, finished, invalidated, link, taken_back
from application.going_before import still_before
from application.locking.holding import in_turn
from application.locking.preflight import TAKEN_OVER, preflight
from application.locking.seeing import LOOK_AGAIN, unseen
from application.locking.superseding import make_way
from application.locking.waiting import Wait, kept_back, queued
from application.notices import tell
from application.parts import predecessor
from application.ports.metrics import MetricSource
from application.ports.store import Store, Transaction
from application.progression import Step, locked, move
from domain.approvals import Approval, Standing
from domain.changes import ChangeSet
from domain.locks import places_of
from domain.rollouts import BEHIND, DUE, TERMINAL, TO_START, OnConflict, Phase, Rollout, State, started_by_hand

ITS_TURN = "its_turn"
"""The cause of what happens because nothing keeps it back any more."""
TOO_LATE = "too_late"
"""The cause of the end of what could not start by the moment that its plan names."""


@dataclass(frozen=True)
class Admission:
    """How it ended: RUNNING from `stage` on, a state that waits, back to AWAITING_APPROVAL, or an end; and why.

    In a state that waits, `until` is when to ask again at the latest; `stages` is how many there are of what runs.
    `emergency`: somebody has made it one since it was submitted. `took_over`: the rollout in whose place it goes on.
    """

    state: State
    why: str = ""
    until: datetime | None = None
    stages: int | None = None
    stage: int = 0
    emergency: bool = False
    took_over: UUID | None = None


class _LeftToNobody(Exception):
    """Whoever was to take over cannot start: the transaction in which the older one ended must not stand."""


class Admitting:
    """`metrics` are asked whether they answer before what they are to judge may start."""

    def __init__(self, store: Store, metrics: MetricSource | None = None) -> None:
        self._store = store
        self._metrics = metrics

    async def admit(self, step: Step) -> Admission:
        """From approval through SCHEDULED and QUEUED, or BLOCKED, to PREFLIGHT, where everything is checked again.

        A change that was to wait is SCHEDULED already; its approval is valid from the moment that it waited for.
        """
        unworthy = await unseen(self._store, self._metrics, step) if self._metrics else None
        try:
            return await self._admit(step, unworthy)
        except _LeftToNobody:
            return await self._admit(step, unworthy, displaces=False)

    async def _admit(self, step: Step, unworthy: str | None, *, displaces: bool = True) -> Admission:
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            if rollout.state not in TO_START:
                return await _admitted(tx, rollout, rollout.cause or "")
            approval = await tx.approvals.get(rollout.change)
            if approval is None or not approval.standing.passes:
                return Admission(State.AWAITING_APPROVAL, "not_approved")
            change = await existing_change(tx, rollout.change)
            ends, yes = _ends(rollout, approval), approval.standing.value.lower()
            if ends is not None and tx.now > ends:
                return await _overdue(tx, rollout, step)
            if rollout.state is State.AWAITING_APPROVAL:
                rollout = await move(tx, rollout, _part(step, rollout, State.SCHEDULED), State.SCHEDULED, yes)
            wait = await _early(tx, rollout, step.at) or await kept_back(tx, rollout, change)
            if wait is None and unworthy is not None:
                wait = Wait(State.SCHEDULED, unworthy, tx.now + LOOK_AGAIN)
            if wait is not None:
                return await _waits(tx, rollout, step, wait, ends)
            return await _from_the_queue(tx, rollout, step, change, approval, displaces=displaces)


async def _admitted(tx: Transaction, rollout: Rollout, why: str) -> Admission:
    urgent, older = rollout.emergency is not None, await predecessor(tx, rollout) if why == TAKEN_OVER else None
    return Admission(
        rollout.state, why, stages=rollout.stages, stage=rollout.stage or 0, emergency=urgent, took_over=older
    )


async def _early(tx: Transaction, rollout: Rollout, now: datetime) -> Wait | None:
    """Its moment, by the clock of whoever waits for it, or the end of the change before it is yet to come.

    An emergency waits for neither.
    """
    if rollout.emergency is not None:
        return None
    due = rollout.plan.apply_at
    if due is not None and due > now and not started_by_hand(await tx.rollouts.timeline(rollout.id)):
        return Wait(State.SCHEDULED, DUE, due)
    before = await still_before(tx, rollout.plan.after)
    if before is not None and before not in TERMINAL:
        return Wait(State.SCHEDULED, BEHIND, tx.now + LOOK_AGAIN)
    return None


def _ends(rollout: Rollout, approval: Approval) -> datetime | None:
    """When the yes is over: it is one to a change now, not whenever; or when the plan says that it is too late."""
    since = approval.closed_at
    valid = max(since, rollout.plan.apply_at or since) + approval.policy.validity if since is not None else None
    return min((each for each in (valid, _last_moment(rollout)) if each is not None), default=None)


def _last_moment(rollout: Rollout) -> datetime | None:
    """An emergency is never too late."""
    return rollout.plan.apply_by if rollout.emergency is None else None


async def _from_the_queue(
    tx: Transaction, rollout: Rollout, step: Step, change: ChangeSet, approval: Approval, *, displaces: bool
) -> Admission:
    await in_turn(tx, change)
    if not await tx.target_locks.of(rollout.id):
        await tx.target_locks.claim(rollout.id, places_of(change.content.targets), rollout.priority)
    since = approval.closed_at or rollout.created_at
    wait, displaced = await queued(tx, rollout, change, since), None
    if wait is not None and wait.held and displaces:
        displaced = await make_way(tx, rollout, wait.held, step)
        wait = await queued(tx, rollout, change, since) if displaced else wait
    if rollout.state is not State.QUEUED:
        why = wait.why if wait else ITS_TURN
        rollout = await move(tx, rollout, _part(step, rollout, State.QUEUED), State.QUEUED, why)
    if wait is None:
        return await _started(tx, rollout, step, displaced.old if displaced else None)
    if displaced is not None:
        raise _LeftToNobody
    if wait.held and rollout.plan.on_conflict is OnConflict.REJECT and not rollout.priority:
        return await _rejected(tx, rollout, step)
    await tx.target_locks.queue(rollout.id, since, rollout.priority)
    return Admission(State.QUEUED, wait.why, _ends(rollout, approval))


async def _started(tx: Transaction, rollout: Rollout, step: Step, old: Rollout | None) -> Admission:
    """It takes everything that it wants at once, and keeps it only if it may run."""
    await tx.target_locks.take(rollout.id)
    rollout = await move(tx, rollout, _part(step, rollout, State.PREFLIGHT), State.PREFLIGHT, ITS_TURN)
    verdict = await preflight(tx, rollout, old)
    if old is not None and verdict.state is not State.RUNNING:
        raise _LeftToNobody
    begins = verdict.rollout or rollout
    if verdict.state is State.AWAITING_APPROVAL:
        await drop_votes(tx, rollout, verdict.why)
        await tx.target_locks.let_go(rollout.id)
    phase = Phase.APPLYING if verdict.state is State.RUNNING else None
    ended = await move(tx, begins, _part(step, rollout, verdict.state), verdict.state, verdict.why, phase=phase)
    if verdict.state is State.INVALIDATED:
        await invalidated(tx, rollout, verdict.why)
    if old is not None:
        await finished(tx, replace(old, state=State.SUPERSEDED))
    return await _admitted(tx, ended, verdict.why)


async def _waits(tx: Transaction, rollout: Rollout, step: Step, wait: Wait, ends: datetime | None) -> Admission:
    """Outside of the queue: who stands behind it there need not wait with it."""
    if rollout.state is not wait.state:
        await move(tx, rollout, _part(step, rollout, wait.state), wait.state, wait.why)
    elif rollout.cause != wait.why:  # it waits on, for another reason
        await tx.rollouts.save(replace(rollout, cause=wait.why))
    await tx.target_locks.queue(rollout.id, None, rollout.priority)
    moments = [each for each in (wait.until, ends) if each is not None]
    return Admission(wait.state, wait.why, min(moments, default=None))


async def _rejected(tx: Transaction, rollout: Rollout, step: Step) -> Admission:
    """Its plan says that it does not wait for others."""
    ended = await move(tx, rollout, _part(step, rollout, State.CANCELLED), State.CANCELLED, "target_busy")
    await taken_back(tx, ended)
    return Admission(State.CANCELLED, "target_busy")


async def _overdue(tx: Transaction, rollout: Rollout, step: Step) -> Admission:
    last = _last_moment(rollout)
    why = TOO_LATE if last is not None and tx.now > last else "approval_validity_over"
    if rollout.state is State.AWAITING_APPROVAL:
        rollout = await move(tx, rollout, _part(step, rollout, State.SCHEDULED), State.SCHEDULED, "approved")
    await move(tx, rollout, _part(step, rollout, State.EXPIRED), State.EXPIRED, why)
    await closed(tx, rollout.change, Standing.EXPIRED)
    people = [rollout.requester, None]
    await tell(tx, "approval_expired", people, facts(rollout), link=link(rollout), seed=rollout.id)
    return Admission(State.EXPIRED, why)


def _part(step: Step, rollout: Rollout, state: State) -> Step:
    """A try that is made again because its answer was lost may go another way than the first."""
    return replace(step, name=f"{step.name}:{state.value.lower()}:{rollout.revision}")
