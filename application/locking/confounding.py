"""Two rollouts that are judged by the same metric over the same kind of cohort cannot be told apart by it."""

from uuid import UUID

from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.gates import SourceKind
from domain.rollouts import EXPOSED, CohortMode, Rollout, State


async def confounded_with(tx: Transaction, rollout: Rollout, change: ChangeSet) -> list[UUID]:
    """The rollouts of this tenant that are under way there and would be judged by what this one is judged by."""
    mine = judged_by(rollout, change)
    if mine is None:
        return []
    found = []
    for other in await tx.target_locks.holders(rollout.environment):
        running = await tx.rollouts.get(other)
        theirs = await tx.changes.get(other)
        if running is None or theirs is None or other == rollout.id or running.state not in EXPOSED - _GOING_BACK:
            continue
        if judged_by(running, theirs) == mine:
            found.append(other)
    return found


_GOING_BACK = {State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE}


def judged_by(rollout: Rollout, change: ChangeSet) -> Json:
    """None without gates. Our own telemetry counts the subjects of each flag apart, and tenants together."""
    metrics = change.content.metrics
    if metrics is None:
        return None
    mode = rollout.plan.audience.mode
    said = {name: value for name, value in metrics.items() if name not in {"candidate", "control"}}
    if said.get("source") == SourceKind.TELEMETRY.value and mode is CohortMode.SUBJECT:
        said["key"] = rollout.key
    return {"mode": mode.value, **said}
