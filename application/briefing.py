"""What an approver is told of a change: one brief, the same in every place where it is read."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from application.changes import plan_of
from application.every_subject import subject_of
from application.flag_impact.weighing import weighed
from application.locking.confounding import confounded_with
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.locks import places_of
from domain.rollouts import Plan, Strategy
from domain.settings import shown

MOST_LINES = 100
SEEN_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Brief:
    """`changes` are the first of `lines` lines of a difference; `moved`: what it was written over is not there now.

    `impact` is what a change of flags does to sampled contexts, null where none were sampled. `instances` are seen now
    and follow what it writes. `overlaps` are rollouts that hold or want the same targets, `confounded_with` those that
    are judged by the same metrics. `sees_from` is the smallest ratio of errors that its
    gates could see, where that is known; `accepted_blind` says that somebody accepted that it is too large.
    """

    title: str
    environment: str
    reason: str
    ticket: str | None
    authors: tuple[str, ...]
    changes: tuple[Json, ...]
    lines: int
    moved: bool
    reach: Json
    impact: Json
    instances: int
    strategy: str
    steps: str
    gates: Json
    sees_from: float | None
    accepted_blind: bool
    overlaps: tuple[str, ...]
    confounded_with: tuple[str, ...]
    way_back: str

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


async def briefed(tx: Transaction, change: ChangeSet) -> Brief:
    """Read as things are now; of a secret its fingerprint."""
    plan, gates = plan_of(change), change.content.gates
    found = await subject_of(change.target.kind).difference(tx, change)
    people = await tx.people.by_ids(list(change.authors))
    handles = {person.id: person.handle for person in people}
    overlaps, confounded = await _beside(tx, change)
    return Brief(
        title=f"{change.target.kind.value} {change.label}",
        environment=change.target.environment.value,
        reason=change.reason,
        ticket=change.ticket,
        authors=tuple(handles.get(each, "") for each in change.authors),
        changes=tuple(shown(line) for line in found["changes"][:MOST_LINES]),
        lines=len(found["changes"]),
        moved=found["moved"],
        reach=change.reach.to_json() if change.reach else None,
        impact=await weighed(tx, change),
        instances=await _instances(tx, change),
        strategy=plan.strategy.value,
        steps=_steps(plan) + _moments(plan),
        gates=gates,
        sees_from=(gates or {}).get("min_detectable_ratio"),
        accepted_blind=bool((gates or {}).get("acknowledge_infeasible")),
        overlaps=overlaps,
        confounded_with=confounded,
        way_back=_way_back(change, plan),
    )


async def _beside(tx: Transaction, change: ChangeSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who holds or wants the same targets, and who is judged by the same metrics."""
    claims = await tx.target_locks.at(places_of(change.content.targets))
    overlaps = sorted({str(each.rollout) for each in claims if each.rollout != change.id and each.tenant == tx.tenant})
    rollout = await tx.rollouts.get(change.id)
    confounded = await confounded_with(tx, rollout, change) if rollout else []
    return tuple(overlaps), tuple(str(each) for each in confounded)


async def _instances(tx: Transaction, change: ChangeSet) -> int:
    kind = Kind.FLAG if change.target.kind is Kind.FLAG else Kind.SETTING
    return sum((await tx.instances.tally(change.target.environment, kind, tx.now - SEEN_WITHIN)).values())


def _steps(plan: Plan) -> str:
    if plan.strategy is Strategy.DIRECT:
        return "everybody at once"
    if plan.strategy is Strategy.BLUE_GREEN:
        return "prepared beside what is served, then switched at once"
    if plan.strategy is Strategy.ROLLING:
        return "tenants in batches, one batch after the other"
    return "to " + ", ".join(f"{stage.percent:g} %" for stage in plan.stages)


def _moments(plan: Plan) -> str:
    """Nothing where it starts as soon as it may."""
    said = [
        f", {word} {moment.isoformat(timespec='minutes')}"
        for word, moment in (("not before", plan.apply_at), ("not after", plan.apply_by))
        if moment is not None
    ]
    return "".join(said) + (f", after {plan.after} has succeeded" if plan.after is not None else "")


def _way_back(change: ChangeSet, plan: Plan) -> str:
    if change.target.kind is Kind.PERIOD_CLOSE:
        return "None: what is closed is only opened again for a reason, and certified anew."
    if change.target.kind is Kind.COMMAND_REPAIR:
        return "None: what was executed stays executed."
    if change.target.kind is Kind.PERIOD_REOPEN:
        return "It shuts by itself at the end of its window, or sooner when somebody shuts it."
    count = len(change.content.targets)
    what = "what was there before" if count == 1 else f"all {count} targets as they were before, in reverse order,"
    by = "by itself when a gate fails or time is up, and" if plan.gated else "when it is not served as written, and"
    if plan.strategy is Strategy.BLUE_GREEN:
        return f"The switch goes back {by} by whoever aborts it."
    return f"It writes {what} as a new version: {by} by whoever aborts or reverts it."
