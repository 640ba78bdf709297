"""A rollout moves one step at a time; each step is one transaction, one line of the timeline and one audit event."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application import parts
from application.closing import finished, taken_back
from application.events.moves import tell_move
from application.locking.holding import released
from application.parts import Exposed
from application.ports.store import Store, Transaction
from application.recording import record
from application.rising import may_rise
from application.switching import check_switch
from domain.audit import Action, Outcome
from domain.changes import DigestTampered
from domain.errors import Missing
from domain.people import Actor
from domain.rollouts import (
    EXPOSED,
    TERMINAL,
    GateNotPassed,
    NotRunning,
    Phase,
    Rollout,
    StaleGeneration,
    State,
    Strategy,
    Transition,
    check_transition,
)

MIXED = "mixed"
"""The cause of a line that says that a part of the stage's tenants is served the new content, and a part is not yet."""


@dataclass(frozen=True)
class Step:
    """`name` is unique in the rollout and the same at every retry: a step that was done is not done again."""

    rollout: UUID
    tenant: UUID
    name: str
    at: datetime


class Progression:
    """`most` tenants are written in one transaction; who has refused is asked again after `pause` seconds."""

    def __init__(self, store: Store, *, most: int = parts.MOST, pause: float = 1.0) -> None:
        self._store = store
        self._most = most
        self._pause = pause

    async def settle(self, step: Step, state: State, cause: str) -> State:
        """Write the end of an approval that was not given, or a cancellation before anything was exposed.

        ROLLING_BACK when it was admitted after all: a cancelled activity may have been the one that admitted it.
        """
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            if rollout.terminal or rollout.state is State.ROLLING_BACK:
                return rollout.state
            if rollout.state in EXPOSED:
                return (await move(tx, rollout, step, State.ROLLING_BACK, cause)).state
            await move(tx, rollout, step, state, cause)
            if state in {State.WITHDRAWN, State.CANCELLED}:
                await taken_back(tx, rollout)
            return state

    async def expose(self, step: Step, stage: int, beat: Callable[[], None] = lambda: None) -> int:
        """Serve the stage's share; returns the version that does so.

        Many tenants are written some at a time, a transaction and a line of the timeline each, and `beat` is called
        between them: meanwhile some are served the new content and some the old.

        Raises StaleGeneration when somebody else wrote, NotRunning while an operator holds it, GateNotPassed when
        neither the gate nor a person said that it may rise, and DigestTampered, which is recorded.
        """
        try:
            number, exposed = 0, await self._expose(step, stage)
            while not exposed.done:
                beat()
                if exposed.refused and self._pause:
                    await asyncio.sleep(self._pause)
                number += 1
                exposed = await self._expose(replace(step, name=f"{step.name}:{number}"), stage)
        except DigestTampered as refusal:
            async with self._store.transaction(step.tenant) as tx:
                await record(tx, Action.ACT_REFUSED, ("rollout", step.rollout), outcome=Outcome.DENIED,
                             change=step.rollout, after={"refusal": refusal.kind, "step": step.name})  # fmt: skip
            raise
        return exposed.version

    async def _expose(self, step: Step, stage: int) -> Exposed:
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            done = await tx.rollouts.step(step.rollout, step.name)
            if done is not None:
                return Exposed(rollout.live_version, done=done.cause != MIXED)
            if rollout.paused_by_operator:
                raise NotRunning(state=rollout.state.value, stage=stage)
            if rollout.state not in {State.RUNNING, State.PAUSED} or stage != (rollout.stage or 0) + _rise(rollout):
                raise StaleGeneration(state=rollout.state.value, stage=stage)
            check_switch(rollout)
            if stage and _rise(rollout) and not (_unwatched(rollout) or await may_rise(tx, rollout)):
                raise GateNotPassed(verdict=rollout.verdict.value if rollout.verdict else None, stage=stage)
            change = await tx.changes.get(rollout.change)
            if change is None or not change.intact or change.digest != rollout.digest:
                raise DigestTampered(change=str(rollout.change))
            exposed = await parts.expose(tx, rollout, change, stage, most=self._most)
            live = replace(rollout, live_version=exposed.version, verdict=None)  # no gate of this stage has spoken yet
            cause = _why(rollout, stage) if exposed.done else MIXED
            await move(tx, live, step, State.RUNNING, cause, stage=stage,
                       phase=_after(rollout) if exposed.done else Phase.APPLYING)  # fmt: skip
            return exposed

    async def move(self, step: Step, state: State, cause: str) -> State:
        """A step that changes nothing but the state: hold, release, bake, succeed, begin to roll back.

        The way back is begun once, whoever asks. StaleGeneration when what would succeed is no longer what is served.
        """
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            begun = rollout.state is state is State.ROLLING_BACK
            if rollout.terminal or begun or await tx.rollouts.step(step.rollout, step.name) is not None:
                return rollout.state
            if state is State.SUCCEEDED:
                await _completed(tx, rollout)
            moved = await move(tx, rollout, step, state, cause, stage=rollout.stage, phase=_phase(rollout, state))
            if moved.terminal:
                await finished(tx, moved)
            return moved.state


async def locked(tx: Transaction, rollout_id: UUID) -> Rollout:
    rollout = await tx.rollouts.get(rollout_id, lock=True)
    if rollout is None:
        raise Missing(kind_of_thing="rollout", id=str(rollout_id))
    return rollout


async def begun(tx: Transaction, rollout: Rollout, actor: Actor) -> None:
    """The first line of the timeline."""
    await tx.rollouts.add(rollout)
    line = Transition(rollout.id, 1, "submitted", None, rollout.state, "submitted", tx.now, actor.id)
    await tx.rollouts.append(line)
    await _recorded(tx, rollout, line, None)
    await tell_move(tx, rollout, line)


async def move(  # noqa: PLR0913 -- what happened, and who did it and why
    tx: Transaction,
    rollout: Rollout,
    step: Step,
    state: State,
    cause: str,
    *,
    actor: Actor | None = None,
    reason: str | None = None,
    **changes: object,
) -> Rollout:
    """The one place where a rollout changes state."""
    check_transition(rollout.state, state)
    ended = tx.now if state in TERMINAL else None
    after = replace(rollout, state=state, cause=cause, revision=rollout.revision + 1, ended_at=ended, **changes)  # type: ignore[arg-type]  # fields of Rollout, given by name
    await tx.rollouts.save(after)
    line = Transition(
        rollout.id, after.revision, step.name, rollout.state, state, cause, step.at,
        actor.id if actor else None, after.stage, after.percent, reason,
    )  # fmt: skip
    await tx.rollouts.append(line)
    await _recorded(tx, after, line, rollout, actor)
    await tell_move(tx, after, line)
    if after.terminal:
        await released(tx, after)
    return after


async def _recorded(
    tx: Transaction, rollout: Rollout, line: Transition, before: Rollout | None, actor: Actor | None = None
) -> None:
    await record(
        tx,
        Action.ROLLOUT_MOVED,
        ("rollout", rollout.id),
        actor=actor or line.actor,
        change=rollout.change,
        reason=line.reason,
        at=line.at,
        before={"state": before.state.value, "percent": before.percent} if before else None,
        after={"state": line.to_state.value, "percent": line.percent, "cause": line.cause, "step": line.step},
    )


async def _completed(tx: Transaction, rollout: Rollout) -> None:
    """What is served becomes what is stable, for whoever has come since as well."""
    if not await parts.served(tx, rollout):
        raise StaleGeneration(state=rollout.state.value, stage=rollout.stage)
    change = await tx.changes.get(rollout.change)
    if change is None:
        raise Missing(kind_of_thing="change", id=str(rollout.change))
    await parts.late(tx, rollout, change)


def _why(rollout: Rollout, stage: int) -> str:
    if not stage:
        return "stage_begins"
    if rollout.emergency is not None:
        return "in_an_emergency"
    return "next_batch" if _unwatched(rollout) else "gate_passed"


def _unwatched(rollout: Rollout) -> bool:
    """Nobody judges it: batches follow each other by time, and in an emergency a person has said that it rises."""
    by_time = rollout.plan.strategy is Strategy.ROLLING and not rollout.watched
    return by_time or rollout.emergency is not None


def _after(rollout: Rollout) -> Phase:
    """What is served has to arrive before it soaks."""
    waits = rollout.plan.converge > 0 and rollout.emergency is None
    return Phase.CONVERGING if waits else Phase.SOAKING


def _phase(rollout: Rollout, state: State) -> Phase | None:
    """What was still to be applied before it was held is still to be applied after that."""
    if state is State.PAUSED and rollout.phase is Phase.APPLYING:
        return Phase.APPLYING
    return Phase.SOAKING if state is State.RUNNING else None


def _rise(rollout: Rollout) -> int:
    """0 while the present stage is still to be applied, 1 once it is."""
    return 0 if rollout.phase is Phase.APPLYING else 1
