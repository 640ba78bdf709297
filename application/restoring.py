"""What a rollout wrote goes back to what was stable, with the database and nothing else."""

from dataclasses import replace

from application import parts
from application.closing import facts, finished, link
from application.notices import tell
from application.ports.store import Store, Transaction
from application.progression import Step, locked, move
from application.recording import record
from domain.audit import Action
from domain.changes import Kind
from domain.people import Actor, Permission, Principal, PrincipalKind
from domain.rollouts import Phase, Rollout, State, Verb, cause_of
from domain.rollouts.parts import Part, PartState

DRIFTED = "targets_drifted"
OVERWRITTEN = "target_was_written_since"
FORCED = cause_of(Verb.FORCE)
MOST_NAMED = 100


class Restoring:
    """`most` tenants go back in one transaction: a process that dies in between goes on with the rest."""

    def __init__(self, store: Store, *, most: int = parts.MOST) -> None:
        self._store = store
        self._most = most

    async def restore(self, step: Step) -> State:
        """Write the stable content back as new versions, the last target first.

        ROLLBACK_INCOMPLETE when somebody else has written some of them since: these are left as they are, unless an
        operator forces it. ROLLING_BACK when all is written and instances are still to take it up.
        """
        while True:
            async with self._store.transaction(step.tenant) as tx:
                rollout = await locked(tx, step.rollout)
                if rollout.state is not State.ROLLING_BACK:
                    return rollout.state
                back = await parts.restore(tx, rollout, most=self._most, force=rollout.cause == FORCED)
                written = replace(rollout, live_version=back.version)
                if back.done and not back.drifted and rollout.live_version == rollout.base_version:
                    return await _ended(tx, rollout, step)  # nobody was served anything
                if back.done:
                    return await _written(tx, written, step, back.drifted)
                await tx.rollouts.save(written)

    async def take_back(self, step: Step, stage: int) -> State:
        """The batch that failed goes back and is still to be served; what was served before it stays."""
        while True:
            async with self._store.transaction(step.tenant) as tx:
                rollout = await locked(tx, step.rollout)
                done = await tx.rollouts.step(step.rollout, step.name) is not None
                if done or rollout.state is not State.PAUSED:
                    return rollout.state
                back = await parts.restore(tx, rollout, most=self._most, stage=stage)
                rollout = replace(rollout, live_version=back.version)
                if back.done:
                    held = await move(
                        tx, rollout, step, State.PAUSED, rollout.cause or "", stage=stage, phase=Phase.APPLYING
                    )
                    return held.state
                await tx.rollouts.save(rollout)

    async def end(self, step: Step) -> State:
        """After the instances had their time to take it up: the rollout has ended."""
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            return await _ended(tx, rollout, step) if rollout.state is State.ROLLING_BACK else rollout.state

    async def page(self, step: Step) -> None:
        """Tell everybody who may operate, again and again, until one of them has decided; `step` names the page."""
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            if rollout.state is not State.ROLLBACK_INCOMPLETE:
                return
            left = await _left(tx, rollout)
            people = [each.id for each in await tx.people.all() if _operates(each)]
            told = facts(
                rollout, occasion=step.name, cause=rollout.cause or "", targets=str(len(left)), first=_first(left)
            )
            await tell(tx, "rollback_incomplete", [*people, None], told, link=link(rollout), seed=rollout.id)


async def accepted(tx: Transaction, rollout: Rollout, actor: Actor, reason: str) -> None:
    """What could not go back stays as it is, by name of whoever said so."""
    left = await _left(tx, rollout)
    await tx.parts.save(*(replace(each, state=PartState.ACCEPTED) for each in left))
    named = [{"tenant": each.slug, "kind": each.kind.value, "key": each.key, "why": each.why} for each in left]
    await record(
        tx, Action.ROLLBACK_ACCEPTED, ("rollout", rollout.id), actor=actor, change=rollout.change, reason=reason,
        after={"accepted": len(named), "targets": named[:MOST_NAMED]},
    )  # fmt: skip
    await finished(tx, rollout)


async def _written(tx: Transaction, rollout: Rollout, step: Step, drifted: int) -> State:
    if drifted and await _killed(tx, rollout):
        end = await move(tx, rollout, step, State.SUPERSEDED, OVERWRITTEN)
        await finished(tx, end)
        return end.state
    if drifted:
        return (await move(tx, rollout, step, State.ROLLBACK_INCOMPLETE, DRIFTED)).state
    if rollout.plan.converge > 0:
        await tx.rollouts.save(rollout)
        return rollout.state
    return await _ended(tx, rollout, step)


async def _ended(tx: Transaction, rollout: Rollout, step: Step) -> State:
    state = State.SUPERSEDED if rollout.superseded_by is not None else State.ROLLED_BACK
    if state is State.ROLLED_BACK and rollout.plan.blue_green and rollout.live_version == rollout.base_version:
        state = State.CANCELLED  # what was prepared is discarded, and nobody was switched to it
    end = await move(tx, rollout, step, state, rollout.cause or "")
    await finished(tx, end)
    return end.state


async def _killed(tx: Transaction, rollout: Rollout) -> bool:
    """Whoever pulls the kill switch has decided what is served, and nobody needs to be asked again."""
    if rollout.kind is not Kind.FLAG:
        return False
    flag = await tx.flags.get(rollout.environment, rollout.key)
    return flag is not None and flag.origin == "kill"


def _operates(person: Principal) -> bool:
    return person.kind is PrincipalKind.HUMAN and Permission.ROLLOUT_CONTROL in person.actor.permissions


async def _left(tx: Transaction, rollout: Rollout) -> list[Part]:
    """What is not as it was before."""
    return [each for each in await tx.parts.of(rollout.id) if each.written or each.state is PartState.DRIFTED]


def _first(left: list[Part]) -> str:
    return f"{left[0].slug}: {left[0].key}" if left else ""
