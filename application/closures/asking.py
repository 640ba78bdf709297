"""What is to be certified is a change like any other to its approvers, and no rollout follows it."""

from uuid import UUID, uuid4

from application.closures.facts import Found
from application.closures.steps import reason_of, title_of
from application.ports.store import Transaction
from application.voted import voted_on
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, ChangeStatus, Content, Kind, Target
from domain.closures import CheckResult, ClosureRun, ClosureTask, authors
from domain.environments import Environment
from domain.rollouts import Strategy, default_plan


async def opened(
    tx: Transaction, run: ClosureRun, tasks: list[ClosureTask], found: Found, results: list[CheckResult]
) -> UUID:
    """The change is submitted and its approval open; whoever asked for the close or did a part of it does not vote."""
    change = await _change(tx, run, tasks, found, results)
    await put_to_vote(tx, change, title_of(run), {"closure": str(run.id)})
    return change.id


async def put_to_vote(tx: Transaction, change: ChangeSet, title: str, told: Json) -> None:
    """By the policy of closes, whatever is done with a period."""
    policy = await tx.policies.get(Environment.PRODUCTION, Kind.PERIOD_CLOSE)
    await voted_on(tx, change, policy.decided(EVERYWHERE), title, told)


def to_certify(run: ClosureRun, snapshot: str, found: Found, results: list[CheckResult]) -> Json:
    """What the votes are bound to."""
    return {
        "run": str(run.id),
        "entity": run.entity,
        "period": run.period_code,
        "scopes": sorted(run.scopes),
        "mode": run.mode.value,
        "snapshot": snapshot,
        "controls": {each.module: each.to_json() for each in found.facts.controls},
        "checks": {each.check: each.to_json() for each in results},
        "exclusions": sorted(found.facts.exclusions),
    }


async def _change(
    tx: Transaction, run: ClosureRun, tasks: list[ClosureTask], found: Found, results: list[CheckResult]
) -> ChangeSet:
    certified = await tx.closures.certificates(run.entity, run.period)
    key = f"{run.entity}/{run.period_code}"
    content = to_certify(run, found.snapshot, found, results)
    target = Target(Environment.PRODUCTION, Kind.PERIOD_CLOSE, key, len(certified), content)
    plan = default_plan(Environment.PRODUCTION, Strategy.DIRECT).to_json()
    whole = Content((target,), plan, None, None)
    others = sorted(authors(run.requester, tasks) - {run.requester})
    return ChangeSet(
        uuid4(), run.tenant, run.requester, whole, whole.digest, await reason_of(tx, run), tx.now,
        contributors=tuple(others), reach=EVERYWHERE, status=ChangeStatus.SUBMITTED,
    )  # fmt: skip
