"""A change for tenants below is tried on some of them before anybody is asked to approve it."""

from application.many_subjects import check_choice
from application.parts.as_before import job_of
from application.parts.exposing import told
from application.parts.snapshotting import parts_for
from application.parts.writing import dry
from application.ports.store import Transaction
from application.tenancy.choosing import chosen
from domain.changes import ChangeSet
from domain.errors import Fault, Invalid, Refusal, Unavailable
from domain.rollouts import Plan, Rollout, State

MOST_TRIED = 100


async def check_others(tx: Transaction, change: ChangeSet, plan: Plan) -> None:
    """Invalid where nobody is chosen, or more of the first tenants refuse it than the plan allows."""
    await check_choice(tx, change)
    tenants = (await chosen(tx, change.content.tenants))[:MOST_TRIED]
    rollout = _would_be(tx, change, plan)
    job = await job_of(tx, rollout, change)
    faults = []
    for tenancy in tenants:
        parts = parts_for(rollout, change, [tenancy], {tenancy.slug: 0})
        try:
            async with tx.within(tenancy.id) as inside:
                await dry(inside, job, parts)
        except Unavailable:
            raise
        except Refusal as refusal:
            faults.append(Fault("/tenants", f"{tenancy.slug} cannot take it: {told(refusal)}"))
    if len(faults) > (plan.batches.max_failed if plan.batches else 0):
        raise Invalid(faults)


def _would_be(tx: Transaction, change: ChangeSet, plan: Plan) -> Rollout:
    target = change.target
    return Rollout(
        change.id, change.tenant, target.environment, change.label, change.id, change.digest, change.author, plan,
        State.AWAITING_APPROVAL, tx.now, 0, 0, kind=target.kind,
    )  # fmt: skip
