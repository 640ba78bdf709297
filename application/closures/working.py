"""The close does its own tasks itself, and lets no signature stand for books that have moved since."""

from collections.abc import Sequence

from application.closures.facts import Found, aim_of, gathered, seen_of
from application.closures.telling import tell_programs, tell_turns
from application.ports.store import Transaction
from domain.closures import ClosureRun, ClosureTask, TaskKind, ready, settled

_BY_ITSELF = frozenset({TaskKind.MILESTONE, TaskKind.CHECK})


async def worked(tx: Transaction, run: ClosureRun, occasion: str) -> tuple[list[ClosureTask], Found]:
    """Every task as it stands then, with the facts; what changed is stored, and told to whose turn it is."""
    before = await tx.closures.tasks(run.id)
    found = await gathered(tx, await aim_of(tx, run, tuple(before)))
    tasks = [_resting(task, found, tx) for task in before]
    while True:
        tasks = list(settled(tasks, tx.now))
        done = [_performed(task, run, found, tx) for task in tasks]
        if done == tasks:
            break
        tasks = done
    await store(tx, run, before, tasks, occasion)
    if tasks != before:
        found = await gathered(tx, await aim_of(tx, run, tuple(tasks)))
    return tasks, found


async def store(
    tx: Transaction, run: ClosureRun, before: Sequence[ClosureTask], after: Sequence[ClosureTask], occasion: str
) -> None:
    old = {each.id: each for each in before}
    changed = [each for each in after if old.get(each.id) != each]
    if changed:
        await tx.closures.put_tasks(changed)
        moved = [each for each in changed if _moved(old.get(each.id), each)]
        await tell_turns(tx, run, moved, occasion)
        await tell_programs(tx, run, moved)


def concerns_books(tasks: Sequence[ClosureTask]) -> bool:
    """Whether one of them is done by the close, or was signed for the books as they were."""
    return any(
        (task.plan.kind in _BY_ITSELF and not task.settled)
        or (task.plan.kind is TaskKind.RECONCILIATION and bool(task.signoffs))
        for task in tasks
    )


def all_settled(tasks: Sequence[ClosureTask]) -> bool:
    return all(task.settled for task in tasks)


def _moved(old: ClosureTask | None, task: ClosureTask) -> bool:
    return task.plan.kind not in _BY_ITSELF and (old is None or old.state is not task.state)


def _resting(task: ClosureTask, found: Found, tx: Transaction) -> ClosureTask:
    """What was signed for other books than these rests until it is signed again."""
    return task.suspend(seen_of(task, list(found.facts.controls)).basis, tx.now)


def _performed(task: ClosureTask, run: ClosureRun, found: Found, tx: Transaction) -> ClosureTask:
    if task.plan.kind not in _BY_ITSELF or not ready([task]):
        return task
    if task.plan.kind is TaskKind.CHECK:
        result = next(each for each in found.results if each.check == task.plan.check)
        if result.blocks:
            return task
    return task.performed(run.requester, tx.now, seen_of(task, list(found.facts.controls)))
