"""A stage has converged when enough of the live instances that it concerns hold what it exposed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.ports.store import Store, Transaction
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Missing
from domain.instances import LIVE, Convergence, Wish
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState


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
            rollout = await tx.rollouts.get(wish.rollout)
            if rollout is None:
                raise Missing(kind_of_thing="rollout", id=str(wish.rollout))
            return await convergence(tx, rollout, wish.stage)


async def convergence(tx: Transaction, rollout: Rollout, stage: int) -> Convergence:
    """As it stands now."""
    return await tx.instances.converged(wishes(await tx.parts.of(rollout.id, upto_stage=stage)), tx.now - LIVE)


def wishes(parts: Iterable[Part]) -> list[Wish]:
    """One for each place where something was written, forth or back: the newest revision there is after all of them."""
    flags: dict[tuple[UUID, Environment], int] = {}
    settings: dict[tuple[UUID, Environment], int] = {}
    for part in parts:
        if part.revision and (part.written or part.state is PartState.RESTORED):
            place, newest = (part.tenant, part.environment), flags if part.kind is Kind.FLAG else settings
            newest[place] = max(part.revision, newest.get(place, 0))
    places = dict.fromkeys((*flags, *settings))
    return [Wish(*place, flags=flags.get(place), settings=settings.get(place)) for place in places]
