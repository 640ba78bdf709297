"""Who may read changes sees a deployment's parts, how far it has converged, and how long it took."""

from uuid import UUID

from application.convergence import convergence
from application.ports.store import Store, Transaction
from domain.errors import Missing
from domain.instances import Convergence
from domain.people import Actor, Permission
from domain.rollouts import Rollout
from domain.rollouts.lasting import Spans, spans
from domain.rollouts.parts import Part


class Deployments:
    """Each raises PermissionMissing or Missing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def parts(self, actor: Actor, rollout_id: UUID, after: int, limit: int) -> list[Part]:
        """In order, behind the one with this ordinal."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, rollout_id)
            return [part for part in await tx.parts.of(rollout_id) if part.ordinal > after][:limit]

    async def convergence(self, actor: Actor, rollout_id: UUID) -> tuple[Convergence, Rollout]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            rollout = await _existing(tx, rollout_id)
            return await convergence(tx, rollout, rollout.stage or 0), rollout

    async def spans(self, actor: Actor, rollout_id: UUID) -> Spans:
        """Until now, or until it ended."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, rollout_id)
            return spans(await tx.rollouts.timeline(rollout_id), tx.now)


async def _existing(tx: Transaction, rollout_id: UUID) -> Rollout:
    found = await tx.rollouts.get(rollout_id)
    if found is None:
        raise Missing(kind_of_thing="rollout", id=str(rollout_id))
    return found
