"""Who has to do something for a close is told of it, and so is whoever asked for the close when it ends."""

from collections.abc import Iterable

from application.notices import tell
from application.ports.store import Transaction
from domain.approvals import Approval
from domain.changes import ChangeSet
from domain.closures import ClosureRun, ClosureTask, RunState, TaskKind, TaskState
from domain.events import Event, EventType, Subject, new_event_id

_OWNERS_TURN = frozenset({TaskState.READY, TaskState.REJECTED, TaskState.SUSPENDED})


async def tell_turns(tx: Transaction, run: ClosureRun, tasks: Iterable[ClosureTask], occasion: str) -> None:
    """The owner of what is ready or came back, and the reviewer of what was submitted."""
    for task in tasks:
        person = task.plan.owner if task.state in _OWNERS_TURN else None
        if task.state is TaskState.SUBMITTED:
            person = task.plan.reviewer
        if person is None:
            continue
        facts = {**_facts(run), "task": task.plan.name, "state": task.state.value, "occasion": occasion}
        if task.due_at is not None:
            facts["deadline"] = task.due_at.isoformat(timespec="minutes")
        await tell(tx, "closure_task", [person], facts, link=_link(run), seed=task.id)


async def tell_programs(tx: Transaction, run: ClosureRun, tasks: Iterable[ClosureTask]) -> None:
    """Whose turn it is, each time once, in the transaction that says so; the id of the event is that of the call."""
    due = [each for each in tasks if each.plan.kind is TaskKind.AUTOMATIC and each.state in _OWNERS_TURN]
    subject = Subject(f"{run.entity}/{run.period_code}")
    await tx.events.add(
        *(
            Event(new_event_id(tx.now), EventType.CLOSE_TASK_READY, tx.tenant, None, subject, tx.now,
                  facts={**_facts(run), "closure": str(run.id), "attempt": run.attempt, "task": each.plan.key,
                         "state": each.state.value, "owner": str(each.plan.owner)})
            for each in due
        )
    )  # fmt: skip


async def tell_end(tx: Transaction, run: ClosureRun, tasks: Iterable[ClosureTask], cause: str) -> None:
    people = dict.fromkeys([run.requester, *(task.plan.owner for task in tasks)])
    facts = {**_facts(run), "outcome": run.state.value.lower()}
    if run.state is not RunState.CLOSED:
        facts["reason"] = cause.replace("_", " ")
    await tell(tx, "closure_ended", [*people, None], facts, link=_link(run), seed=run.id)


async def tell_voters(tx: Transaction, change: ChangeSet, approval: Approval) -> None:
    """The books moved: whoever said yes to what they were is asked anew."""
    facts = {
        "title": f"{change.target.kind.value} {change.label}",
        "environment": approval.environment.value,
        "cause": "the books moved",
    }
    people = dict.fromkeys([change.author, *(ballot.voter for ballot in approval.ballots)])
    await tell(tx, "votes_invalidated", [*people, None], facts, link=f"/changes/{change.id}", seed=change.id)


def _facts(run: ClosureRun) -> dict[str, str]:
    return {"entity": run.entity, "period": run.period_code, "mode": run.mode.value.replace("_", "-")}


def _link(run: ClosureRun) -> str:
    return f"/period-closures/{run.id}"
