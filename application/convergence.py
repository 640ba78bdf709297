"""A stage has converged when enough of the live instances that it concerns hold what it exposed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.ports.store import Store, Transaction
from application.progression import locked
from domain.changes import Kind
from domain.instances import LIVE, Convergence, Wish
from domain.rollouts import Rollout


@dataclass(frozen=True)
class ConvergeWish:
    """How far the rollout's stages up to `stage` had converged at `at`."""

    tenant: UUID
    rollout: UUID
    stage: int
    at: datetime


class Converging:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, wish: ConvergeWish) -> Convergence:
        """Only looks; Missing where there is no such rollout."""
        async with self._store.transaction(wish.tenant) as tx:
            return await convergence(tx, await locked(tx, wish.rollout))


async def convergence(tx: Transaction, rollout: Rollout) -> Convergence:
    """As it stands now."""
    return await tx.instances.converged(await wishes(tx, rollout), tx.now - LIVE)


async def wishes(tx: Transaction, rollout: Rollout) -> list[Wish]:
    """What must be held where: a rollout that names no place of its own concerns its environment as it stands."""
    flags = await tx.flags.revision(rollout.environment)
    settings = await tx.settings.epoch(rollout.environment)
    of_flags = rollout.kind is Kind.FLAG
    return [Wish(tx.tenant, rollout.environment, flags if of_flags else None, None if of_flags else settings)]
