"""What people do in a close: the same rules are asked before anything is signed and where it takes effect."""

from dataclasses import replace
from uuid import UUID

from application.acting import proven
from application.closures.compensating import call_off, undone
from application.closures.deeds import NEEDS, Deed, deed_of
from application.closures.stand import ClosureAct, RunStep, Stand
from application.closures.steps import locked, move, stand_of, taken, unused
from application.closures.telling import tell_turns
from application.closures.validating import back_to_work
from application.closures.working import all_settled, concerns_books, store, worked
from application.ports.identity import ActVerifier
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Standing
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.closures import Act, ClosureRun, RunState, settled
from domain.errors import Missing, Refusal, Unavailable
from domain.people import Actor
from domain.people.acts import AssertionExpired, AssertionUsed

_WORK = frozenset({RunState.TASKS, RunState.REMEDIATING})
_ASKED = frozenset({RunState.VALIDATING, RunState.REMEDIATING, RunState.AWAITING_APPROVAL})


class Tasks:
    def __init__(self, store: Store, verifier: ActVerifier) -> None:
        self._store = store
        self._verifier = verifier

    async def check(self, tx: Transaction, actor: Actor, run: ClosureRun, act: Act, body: Json) -> None:
        """What `apply` would refuse now."""
        actor.require(NEEDS[act])
        run.check(act)
        await deed_of(tx, actor, run, act, body)

    async def apply(self, act: ClosureAct) -> Stand:
        """Proof, present roles and present state are asked; every refusal is raised after it was written down."""
        try:
            return await self._apply(act)
        except Unavailable:
            raise  # nobody was refused: the same act may come again
        except Refusal as refusal:
            await self._refused(act, refusal)
            raise

    async def remind(self, step: RunStep, keys: tuple[str, ...]) -> None:
        """Whoever has these tasks; the name of the step is the occasion."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            tasks = [each for each in await tx.closures.tasks(run.id) if each.plan.key in keys]
            await tell_turns(tx, run, tasks, step.name)

    async def suspend(self, step: RunStep) -> Stand:
        """Books have moved: what was signed for others rests, and who was asked about them is asked no more."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state in _WORK | _ASKED and not await taken(tx, step):
                run = await _suspended(tx, run, step)
            return await stand_of(tx, run, step)

    async def _apply(self, act: ClosureAct) -> Stand:
        async with self._store.transaction(act.tenant) as tx:
            run = await locked(tx, act.run)
            step = RunStep(act.tenant, act.run, act.step, act.at, act.heard)
            if await taken(tx, step):
                if await self._done(tx, act):
                    return await stand_of(tx, run, step)
                step = await unused(tx, step)
            proof, intent = await proven(tx, self._verifier, act.assertion, act.verb.value, run.id)
            if intent.done:
                raise AssertionUsed(act=str(proof.id))
            actor = await tx.people.actor(proof.actor)
            if actor is None:
                raise Missing(kind_of_thing="principal", id=str(proof.actor))
            actor.require(NEEDS[act.verb])
            run.check(act.verb)
            deed = await deed_of(tx, actor, run, act.verb, intent.body)
            await tx.intents.done(proof.id)
            return await stand_of(tx, await _applied(tx, actor, run, step, deed), step)

    async def _done(self, tx: Transaction, act: ClosureAct) -> bool:
        """Whether it was this act that took its step: a process that was lost may have counted as far with another."""
        try:
            _, intent = await proven(tx, self._verifier, act.assertion, act.verb.value, act.run)
        except AssertionExpired:
            return True
        return intent.done

    async def _refused(self, act: ClosureAct, refusal: Refusal) -> None:
        async with self._store.transaction(act.tenant) as tx:
            said = {"refusal": refusal.kind, "act": act.verb.value, "step": act.step}
            await record(tx, Action.CLOSURE_REFUSED, ("period_closure", act.run), outcome=Outcome.DENIED, after=said)


async def _applied(tx: Transaction, actor: Actor, run: ClosureRun, step: RunStep, deed: Deed) -> ClosureRun:
    if deed.act is Act.ABORT:
        return await undone(tx, run, step, RunState.ABORTED, "aborted", actor=actor, reason=deed.reason)
    effect = deed.effect
    if effect.result is not None:
        await tx.closures.decide(run.id, effect.result)
    before = tasks = await tx.closures.tasks(run.id)
    if effect.tasks:
        new = {each.id: each for each in effect.tasks}
        tasks = list(settled([new.get(each.id, each) for each in before], tx.now))
        await store(tx, run, before, tasks, step.name)
    if run.state in _WORK and concerns_books(tasks):
        await worked(tx, run, step.name)
    after = replace(run, due_at=effect.due_at or run.due_at)
    await record(tx, Action.CLOSURE_ACTED, ("period_closure", run.id), actor=actor, reason=deed.reason or None,
                 after=deed.told)  # fmt: skip
    return await move(tx, run, after, step, deed.act.value, actor=actor, reason=deed.reason or None)


async def _suspended(tx: Transaction, run: ClosureRun, step: RunStep) -> ClosureRun:
    tasks, found = await worked(tx, run, step.name)
    stale = run.snapshot is not None and found.snapshot != run.snapshot
    if run.state in _WORK or not (stale or not all_settled(tasks)):
        return run
    approval: UUID | None = run.approval
    after = await back_to_work(tx, run, step, "balance_changed")
    await call_off(tx, approval, Standing.INVALIDATED)
    return after
