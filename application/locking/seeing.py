"""What gates are to watch does not start while whoever counts for them does not answer."""

from datetime import timedelta

from application.drafts.gates import cohort_query_of, query_of
from application.ports.metrics import MetricSource
from application.ports.store import Store, Transaction
from application.progression import Step
from application.tenancy.choosing import chosen
from domain.changes import ChangeSet
from domain.errors import Invalid, Unavailable
from domain.gates import CohortQuery, MetricQuery
from domain.rollouts import TERMINAL, State

LOOK_AGAIN = timedelta(minutes=1)


async def sees(store: Store, metrics: MetricSource, step: Step) -> bool:
    """Asked before anything is held: another's server may take its time. What is urgent starts unseen."""
    async with store.transaction(step.tenant) as tx:
        rollout = await tx.rollouts.get(step.rollout)
        change = await tx.changes.get(rollout.change) if rollout else None
        if rollout is None or change is None or rollout.priority or rollout.state in {*TERMINAL, State.RUNNING}:
            return True
        query = await _query(tx, change)
    if query is None:
        return True
    try:
        await metrics.probe(query)
    except (Unavailable, Invalid):
        return False
    return True


async def _query(tx: Transaction, change: ChangeSet) -> MetricQuery | CohortQuery | None:
    if change.content.tenants is None:
        return query_of(change)
    tenants = await chosen(tx, change.content.tenants)
    return cohort_query_of(change, [(each.slug, each.id) for each in tenants])
