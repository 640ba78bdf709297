"""A person lets a rollout that waits take the place of those that hold its targets; they hear of it at once."""

from contextlib import suppress
from uuid import UUID

from application.acting import done, remember
from application.locking.superseding import ordered_to_displace
from application.ports.processes import Processes
from application.ports.store import Store
from application.progression import locked
from domain.errors import Unavailable
from domain.people import Actor, Permission


class Superseding:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def supersede(self, actor: Actor, rollout: UUID, reason: str) -> list[UUID]:
        """Who gives way; raises PermissionMissing, Missing, NotApproved or NothingToSupersede."""
        actor.require(Permission.ROLLOUT_PROMOTE)
        async with self._store.transaction(actor.tenant) as tx:
            newer = await locked(tx, rollout)
            if await done(tx, actor):
                rivals = await tx.target_locks.rivals(rollout)
                return sorted({each.rollout for each in rivals if each.superseded_by == rollout})
            gone = await ordered_to_displace(tx, newer, actor, reason)
            await remember(tx, actor, "supersede")
        for each in gone:
            with suppress(Unavailable):  # it is told again until it has heard
                await self._processes.superseded(each)
        return gone
