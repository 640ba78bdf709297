"""What gates are to watch does not start while whoever counts does not answer, or while what is served is broken."""

from dataclasses import dataclass
from datetime import timedelta

from application.drafts.gates import cohort_query_of, query_of
from application.gates.observing import Query, baseline
from application.ports.metrics import MetricSource
from application.ports.store import Store, Transaction
from application.progression import Step
from application.tenancy.choosing import chosen
from domain.changes import ChangeSet
from domain.environments import Environment
from domain.errors import Invalid, Unavailable
from domain.gates import (
    BaselineHealthy,
    BaselineUnhealthy,
    GateSpec,
    ProviderError,
    check_fix_forward,
    parse_gate_spec,
)
from domain.rollouts import TERMINAL, State

LOOK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class _Watch:
    """`compares`: what is served now must be worth being compared with, or be as broken as the gates were told."""

    query: Query
    spec: GateSpec
    compares: bool


async def unseen(store: Store, metrics: MetricSource, step: Step) -> str | None:
    """Why it waits, or None. Asked before anything is held: another's server may take its time.

    What is urgent starts unseen.
    """
    async with store.transaction(step.tenant) as tx:
        rollout = await tx.rollouts.get(step.rollout)
        change = await tx.changes.get(rollout.change) if rollout else None
        if rollout is None or change is None or rollout.priority or rollout.state in {*TERMINAL, State.RUNNING}:
            return None
        watch = await _watch(tx, change)
    if watch is None:
        return None
    try:
        await metrics.probe(watch.query)
    except (Unavailable, Invalid):
        return "metrics_do_not_answer"
    return await _unworthy(metrics, watch, step) if watch.compares else None


async def _unworthy(metrics: MetricSource, watch: _Watch, step: Step) -> str | None:
    """People said yes to a comparison with what was healthy then; of a past that is not told nothing is known."""
    past = await baseline(metrics, watch.query, step.at, watch.spec)
    if isinstance(past, ProviderError):
        return None
    try:
        check_fix_forward(watch.spec, past)
    except (BaselineUnhealthy, BaselineHealthy) as refusal:
        return refusal.kind.replace("-", "_")
    return None


async def _watch(tx: Transaction, change: ChangeSet) -> _Watch | None:
    query: Query | None = query_of(change)
    if change.content.tenants is not None:
        tenants = await chosen(tx, change.content.tenants)
        query = cohort_query_of(change, [(each.slug, each.id) for each in tenants])
    if query is None:
        return None
    spec = parse_gate_spec(change.content.gates or {})
    production = change.target.environment is Environment.PRODUCTION
    return _Watch(query, spec, production or spec.fix_forward is not None)
