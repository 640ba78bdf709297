"""A change is proposed as a draft, read with its difference, and submitted or left."""

from dataclasses import replace
from uuid import UUID

from application.drafts.filing import filed
from application.drafts.gates import cohort_query_of, query_of
from application.every_subject import subject_of
from application.flag_impact.weighing import weighed
from application.gates.feasibility import feasible
from application.locking.rules import by_policy
from application.ports.metrics import MetricSource
from application.ports.store import Place, Store, Transaction
from application.proposals import Proposal, check_permissions, drafted
from application.rebasing import rebased
from application.tenancy.choosing import chosen
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.errors import Missing
from domain.gates import CohortQuery, MetricQuery
from domain.people import Actor, Permission
from domain.rollouts import Plan, parse_plan

__all__ = ["Changes", "Proposal", "existing_change", "plan_of", "query_of"]


class Changes:
    def __init__(self, store: Store, metrics: MetricSource) -> None:
        self._store = store
        self._metrics = metrics

    @property
    def metrics(self) -> MetricSource:
        return self._metrics

    async def propose(self, actor: Actor, proposal: Proposal) -> ChangeSet:
        """A checked draft; Invalid names every fault, BaseVersionConflict a target that has moved."""
        check_permissions(actor, proposal)
        async with self._store.transaction(actor.tenant) as tx:
            kind = next((each.kind for each in proposal.wanted), Kind.FLAG)
            plan = await by_policy(tx, proposal.environment, kind, proposal.plan)
            change = await drafted(tx, actor, replace(proposal, plan=plan))
            query = await _query(tx, change)
        if query is not None:
            await self._metrics.probe(query)
            change = await feasible(self._metrics, query, change, change.created_at)
        async with self._store.transaction(actor.tenant) as tx:
            await filed(tx, actor, change)
            return await existing_change(tx, change.id)

    async def get(self, actor: Actor, change: UUID) -> ChangeSet:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await existing_change(tx, change)

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[ChangeSet]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.changes.page(before, limit)

    async def diff(self, actor: Actor, change: UUID) -> Json:
        """JSON Patch-like lines from the base version to the new content, and whether the base has moved.

        With `impact`, the numbers of what a change of flags does to contexts, where some were sampled.
        """
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await existing_change(tx, change)
            told = await subject_of(found.target.kind).difference(tx, found)
            return {**told, "impact": await weighed(tx, found)}

    async def rebase(self, actor: Actor, change: UUID, new: UUID) -> ChangeSet:
        """A new draft on the present versions; BaseVersionConflict lists what both sides changed."""
        actor.require(Permission.CHANGE_PROPOSE)
        found = await self.get(actor, change)
        async with self._store.transaction(actor.tenant) as tx:
            again = await rebased(tx, found)
        content, target = found.content, found.target
        proposal = Proposal(
            new, target.environment, target.key, target.content, 0, again.plan, content.gates, content.metrics,
            found.reason, found.ticket, tuple(person for person in found.authors if person != actor.id), found.id,
            found.reverts, again.targets, content.tenants,
        )  # fmt: skip
        return await self.propose(actor, proposal)


async def _query(tx: Transaction, change: ChangeSet) -> MetricQuery | CohortQuery | None:
    if change.content.metrics is None or change.content.tenants is None:
        return query_of(change)
    tenants = await chosen(tx, change.content.tenants)
    return cohort_query_of(change, [(each.slug, each.id) for each in tenants])


async def existing_change(tx: Transaction, change: UUID, *, lock: bool = False) -> ChangeSet:
    found = await tx.changes.get(change, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="change", id=str(change))
    return found


def plan_of(change: ChangeSet) -> Plan:
    return parse_plan(change.content.plan, change.target.environment)
