"""Operators pause, resume, promote, abort and roll back; the workflow hears of it with proof of who did."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.acting import Acting, done, proven
from application.changes import existing_change
from application.closing import taken_back
from application.ports.identity import ActVerifier
from application.ports.processes import Processes
from application.ports.records import Check
from application.ports.store import Place, Store
from application.progression import Step, locked, move
from application.recording import record
from application.restoring import accepted
from domain.audit import Action, Outcome
from domain.changes import ChangeStatus
from domain.errors import Fault, Forbidden, Invalid, Missing, Refusal, Unavailable
from domain.people import Actor, Permission
from domain.people.acts import AssertionUsed
from domain.rollouts import (
    GateNotPassed,
    NotRunning,
    Phase,
    Rollout,
    State,
    Transition,
    Verb,
    cause_of,
    check_control,
    goal,
    waits_until,
)

LEAST_REASON = 3
_UNTIL_HEARD = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses in seconds while a workflow has not heard yet where the database says that it stands."""

NEEDS = {
    Verb.PAUSE: Permission.ROLLOUT_CONTROL,
    Verb.RESUME: Permission.ROLLOUT_CONTROL,
    Verb.PROMOTE: Permission.ROLLOUT_PROMOTE,
    Verb.ABORT: Permission.ROLLOUT_CONTROL,
    Verb.ROLLBACK: Permission.ROLLOUT_CONTROL,
    Verb.WITHDRAW: Permission.CHANGE_PROPOSE,
    Verb.RETRY: Permission.ROLLOUT_CONTROL,
    Verb.ACCEPT: Permission.ROLLOUT_CONTROL,
    Verb.FORCE: Permission.ROLLOUT_CONTROL,
    Verb.START: Permission.ROLLOUT_PROMOTE,
}


class NotTheAuthor(Forbidden):
    """Only an author of a change can withdraw it."""

    kind = "not-the-author"


@dataclass(frozen=True)
class Control:
    """One act of an operator, as the workflow passes it on; `step` names it once and for all."""

    tenant: UUID
    rollout: UUID
    verb: Verb
    assertion: str
    step: str
    at: datetime


class Rollouts:
    """What people see of rollouts and ask of them."""

    def __init__(self, store: Store, processes: Processes, acting: Acting) -> None:
        self._store = store
        self._processes = processes
        self._acting = acting

    async def get(self, actor: Actor, rollout_id: UUID) -> Rollout:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            rollout = await tx.rollouts.get(rollout_id)
            if rollout is None:
                raise Missing(kind_of_thing="rollout", id=str(rollout_id))
            return rollout

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[Rollout]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.rollouts.page(before, limit)

    async def scheduled(self, actor: Actor, after: Place | None, limit: int) -> list[Rollout]:
        """What is to start at a moment and has not started, the next first; behind this moment and id."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.rollouts.scheduled(after, limit)

    async def timeline(self, actor: Actor, rollout_id: UUID) -> tuple[Rollout, list[Transition]]:
        rollout = await self.get(actor, rollout_id)
        async with self._store.transaction(actor.tenant) as tx:
            return rollout, await tx.rollouts.timeline(rollout_id)

    async def evidence(self, actor: Actor, rollout_id: UUID) -> list[Check]:
        await self.get(actor, rollout_id)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.evidence.all(rollout_id)

    async def control(self, actor: Actor, rollout_id: UUID, verb: Verb, reason: str) -> Rollout:
        """Raises PermissionMissing, AlreadyTerminal, NotRunning, GateNotPassed, or Invalid without a reason."""
        actor.require(NEEDS[verb])
        if len(reason.strip()) < LEAST_REASON:
            raise Invalid([Fault("/reason", f"at least {LEAST_REASON} characters that say why")])
        rollout = await self.get(actor, rollout_id)
        if await self._done(actor):
            return rollout
        _check(verb, rollout)
        assertion = await self._acting.sign(actor, verb.value, rollout_id, {"reason": reason})
        await self._heard(actor, rollout_id, verb, assertion)
        return await self.get(actor, rollout_id)

    async def _heard(self, actor: Actor, rollout_id: UUID, verb: Verb, assertion: str) -> None:
        """By a workflow that may not have heard yet where the database says it stands: that still decides."""
        for pause in _UNTIL_HEARD:
            try:
                return await self._processes.control(rollout_id, verb, assertion)
            except (NotRunning, GateNotPassed):
                _check(verb, await self.get(actor, rollout_id))
            await asyncio.sleep(pause)
        return await self._processes.control(rollout_id, verb, assertion)

    async def _done(self, actor: Actor) -> bool:
        async with self._store.transaction(actor.tenant) as tx:
            return await done(tx, actor)

    async def withdraw(self, actor: Actor, change_id: UUID, reason: str) -> None:
        """An author takes a change back: a draft at once, a submitted one while it awaits approval."""
        async with self._store.transaction(actor.tenant) as tx:
            change = await existing_change(tx, change_id, lock=True)
            if actor.id not in change.authors:
                raise NotTheAuthor
            if change.status is ChangeStatus.DRAFT:
                await tx.changes.save_status(
                    replace(change, status=ChangeStatus.WITHDRAWN, revision=change.revision + 1)
                )
                await record(tx, Action.CHANGE_WITHDRAWN, ("change", change_id), actor=actor, change=change_id,
                             reason=reason)  # fmt: skip
        if change.status is ChangeStatus.SUBMITTED:
            await self.control(actor, change_id, Verb.WITHDRAW, reason)


class Controlling:
    """The same acts where they take effect: proof, present roles and present state are asked again."""

    def __init__(self, store: Store, verifier: ActVerifier) -> None:
        self._store = store
        self._verifier = verifier

    async def apply(self, control: Control) -> State:
        """Record the act and, where it moves the rollout at once (pause, resume), move it; returns the state."""
        try:
            return await self._apply(control)
        except Unavailable:
            raise  # nobody was refused: the same act may come again
        except Refusal as refusal:
            await self._refused(control, refusal)
            raise

    async def _apply(self, control: Control) -> State:
        async with self._store.transaction(control.tenant) as tx:
            rollout = await locked(tx, control.rollout)
            if await tx.rollouts.step(rollout.id, control.step) is not None:
                return rollout.state
            act, intent = await proven(tx, self._verifier, control.assertion, control.verb.value, rollout.id)
            if intent.done:
                raise AssertionUsed(act=str(act.id))
            actor = await tx.people.actor(act.actor)
            if actor is None:
                raise Missing(kind_of_thing="principal", id=str(act.actor))
            actor.require(NEEDS[control.verb])
            _check(control.verb, rollout)
            await tx.intents.done(act.id)
            reason = str(intent.body.get("reason", ""))
            step = Step(rollout.id, control.tenant, control.step, control.at)
            state = _goal(control.verb, rollout)
            cause = cause_of(control.verb)
            phase = _phase(rollout, state)
            moved = await move(tx, rollout, step, state, cause, actor=actor, reason=reason, phase=phase)
            if moved.state in {State.WITHDRAWN, State.CANCELLED}:
                await taken_back(tx, moved)
            if control.verb is Verb.ACCEPT:
                await accepted(tx, moved, actor, reason)
            return moved.state

    async def _refused(self, control: Control, refusal: Refusal) -> None:
        async with self._store.transaction(control.tenant) as tx:
            said = {"refusal": refusal.kind, "verb": control.verb.value}
            await record(tx, Action.ACT_REFUSED, ("rollout", control.rollout), outcome=Outcome.DENIED,
                         change=control.rollout, after=said)  # fmt: skip


def _check(verb: Verb, rollout: Rollout) -> None:
    """What waits for its window, or for who counts for its gate, does not start because somebody says so."""
    check_control(verb, rollout.state, rollout.verdict)
    if verb is Verb.START and waits_until(rollout.plan, rollout.state, rollout.cause) is None:
        raise NotRunning(state=rollout.state.value, verb=verb.value, cause=rollout.cause)


def _goal(verb: Verb, rollout: Rollout) -> State:
    """What gave way to a newer one ends superseded, however much of it could go back."""
    if verb is Verb.ACCEPT and rollout.superseded_by is not None:
        return State.SUPERSEDED
    return goal(verb, rollout.state)


def _phase(rollout: Rollout, state: State) -> Phase | None:
    """What was still to be applied before a pause is still to be applied after it."""
    if rollout.phase is Phase.APPLYING and state in {State.RUNNING, State.PAUSED}:
        return Phase.APPLYING
    return Phase.SOAKING if state is State.RUNNING else None
