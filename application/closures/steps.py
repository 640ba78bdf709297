"""A close moves one step at a time; each is one transaction, one line of its timeline and one audit event."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.asked import Asked
from application.closures.stand import MOST_BLOCKERS, RunStep, Stand, TaskBrief
from application.fences.looking import awaited
from application.ports.closures import RunLine
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.closures import BY_HAND, ClosureRun, ClosureTask, RunState, blockers
from domain.errors import Missing
from domain.people import Actor

LOOKED_AT = "looked_at"
"""Before the freeze."""
CHECKS_HOLD, CHECKS_FAIL = "checks_hold", "checks_fail"
"""How frozen books were found."""


async def locked(tx: Transaction, run_id: UUID) -> ClosureRun:
    run = await tx.closures.get(run_id, lock=True)
    if run is None:
        raise Missing(kind_of_thing="period closure", id=str(run_id))
    return run


async def taken(tx: Transaction, step: RunStep) -> bool:
    """Whether this step was taken before: its answer was lost."""
    return await tx.closures.step(step.run, step.name) is not None


async def unused(tx: Transaction, step: RunStep) -> RunStep:
    """This step, under a number that no other has."""
    last = max((_number(line.step) for line in await tx.closures.timeline(step.run)), default=0)
    return replace(step, name=f"{last + 1}:{step.name.partition(':')[2]}")


async def move(  # noqa: PLR0913 -- what happened, and who did it and why
    tx: Transaction,
    before: ClosureRun,
    after: ClosureRun,
    step: RunStep,
    cause: str,
    *,
    actor: Actor | None = None,
    reason: str | None = None,
) -> ClosureRun:
    """The one place where a close changes state, or takes a step that leaves it where it is."""
    await tx.closures.save(after)
    await _line(tx, step, (before.state, after.state), cause, actor, reason)
    return after


async def begin(tx: Transaction, run: ClosureRun, actor: Actor, reason: str) -> None:
    """The first line of the timeline."""
    await tx.closures.add(run)
    await _line(tx, RunStep(run.tenant, run.id, "asked", tx.now), (None, run.state), "asked", actor, reason)


def part(step: RunStep, name: str) -> RunStep:
    """A step on the way of another."""
    return replace(step, name=f"{step.name}:{name}")


async def stand_of(tx: Transaction, run: ClosureRun, step: RunStep) -> Stand:
    """With those tasks that whoever asks for the step has not heard of."""
    lines = await tx.closures.timeline(run.id)
    found = blockers(await tx.closures.results(run.id)) if not run.over else []
    changed, revision = await tx.closures.changed(run.id, step.heard)
    waits = await awaited(tx, run.id) if run.state is RunState.FREEZING else []
    return Stand(
        run.id,
        run.state,
        lines[-1].cause if lines else "",
        tuple(_brief(task) for task in changed),
        tuple(each.check for each in found[:MOST_BLOCKERS]),
        len(waits),
        await _asked(tx, run),
        max((_number(line.step) for line in lines), default=0),
        revision,
        tuple(each.words for each in waits[:MOST_BLOCKERS]),
    )


async def reason_of(tx: Transaction, run: ClosureRun) -> str:
    """Why it was asked for."""
    first = await tx.closures.step(run.id, "asked")
    return (first.reason if first else None) or ""


def title_of(run: ClosureRun) -> str:
    return f"{run.mode.value.replace('_', '-')} close of {run.entity} {run.period_code}"


async def _line(
    tx: Transaction,
    step: RunStep,
    states: tuple[RunState | None, RunState],
    cause: str,
    actor: Actor | None,
    reason: str | None,
) -> None:
    before, after = states
    seq = len(await tx.closures.timeline(step.run)) + 1
    person = actor.id if actor else None
    await tx.closures.append(RunLine(step.run, seq, step.name, before, after, cause, step.at, person, reason))
    await record(
        tx,
        Action.CLOSURE_MOVED,
        ("period_closure", step.run),
        actor=actor,
        reason=reason,
        at=_not_later(step.at, tx.now),
        before={"state": before.value} if before else None,
        after={"state": after.value, "cause": cause, "step": step.name},
    )


def _number(step: str) -> int:
    """Of a step that its process counted; a process that is started anew counts on."""
    counted = step.partition(":")[0]
    return int(counted) if counted.isdecimal() else 0


def _not_later(at: datetime, now: datetime) -> datetime:
    """A workflow whose clock was moved ahead writes nothing into the future of the trail."""
    return min(at, now)


def _brief(task: ClosureTask) -> TaskBrief:
    plan = task.plan
    by_hand = plan.kind in BY_HAND
    return TaskBrief(task.id, plan.key, task.state, plan.owner, plan.reviewer, plan.after, task.due_at, by_hand)


async def _asked(tx: Transaction, run: ClosureRun) -> Asked | None:
    if run.state is not RunState.AWAITING_APPROVAL or run.approval is None:
        return None
    approval = await tx.approvals.get(run.approval)
    if approval is None:
        return None
    return Asked(
        approval.id, approval.digest, approval.authors, approval.policy, title_of(run), approval.opened_at
    )  # fmt: skip
