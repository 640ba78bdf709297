"""A fence is settled by its module's word, or by a person who goes on without it and says why."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias
from uuid import UUID

from application.acting import done, remember
from application.fences.asking import keep, tell
from application.fences.telling import withdraw
from application.ports.store import Store, Transaction
from domain.audit import Action
from domain.errors import Missing, Unavailable
from domain.fences import Acknowledgement, Fence, NotItsSpeaker, RemoteModule
from domain.people import Actor, Permission

Heard: TypeAlias = Callable[[UUID, UUID], Awaitable[None]]
"""Is told the tenant and the close for which a fence was settled or asked again, after that was committed."""


class Settling:
    """Each raises PermissionMissing, Missing, EpochUnknown or FenceSettled where it applies."""

    def __init__(self, store: Store, heard: Heard | None = None) -> None:
        self._store = store
        self._heard = heard

    async def acknowledge(self, actor: Actor, fence: UUID, told: Acknowledgement) -> Fence:
        """The newest fence of this gate, whichever was named: of what came late the module learns what holds now."""
        async with self._store.transaction(actor.tenant) as tx:
            module, newest = await _locked(tx, fence)
            if actor.id != module.speaker:
                raise NotItsSpeaker(module=module.code)
            after = newest.acknowledged(told, actor.id, tx.now)
            if after == newest:
                return newest
            await tx.fences.save(after)
            await withdraw(tx, after)
            await keep(tx, Action.FENCE_ACKNOWLEDGED, after, actor=actor)
        return await self.heard(actor, after)

    async def retry(self, actor: Actor, fence: UUID, reason: str) -> Fence:
        """Told once more, unless that is being done just now; whoever waits for it waits on."""
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            module, newest = await _locked(tx, fence)
            if await done(tx, actor):
                return newest
            after = newest.retried(reason)
            await tx.fences.save(after)
            await remember(tx, actor, "retry-fence")
            await withdraw(tx, after)
            told = await tell(tx, (module, after), actor=actor, reason=reason)
            if not told:
                await keep(tx, Action.FENCE_ASKED, after, actor=actor, reason=reason)
        return await self.heard(actor, told[0] if told else after)

    async def exclude(self, actor: Actor, fence: UUID, reason: str) -> Fence:
        """The close goes on; of this module no posting of an older epoch is taken in until it acknowledges a newer."""
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            _, newest = await _locked(tx, fence)
            if await done(tx, actor):
                return newest
            after = newest.excluded(actor.id, tx.now, reason)
            await tx.fences.save(after)
            await withdraw(tx, after)
            await remember(tx, actor, "exclude-module")
            await keep(tx, Action.FENCE_EXCLUDED, after, actor=actor, reason=reason)
        return await self.heard(actor, after)

    async def heard(self, actor: Actor, fence: Fence) -> Fence:
        """The close that waits for it looks at it."""
        if fence.run is not None and self._heard is not None:
            with suppress(Unavailable):  # it is committed, and a close that did not hear of it looks in its time
                await self._heard(actor.tenant, fence.run)
        return fence


async def _locked(tx: Transaction, fence: UUID) -> tuple[RemoteModule, Fence]:
    """The module, whose fences nobody else touches meanwhile, and the newest fence of the gate that this one is of."""
    named = await tx.fences.get(fence)
    if named is None:
        raise Missing(kind_of_thing="module fence")
    module = await tx.fences.module(named.module, lock=True)
    newest = await tx.fences.newest(named.module, named.gate.key)
    if module is None or newest is None:
        raise Missing(kind_of_thing="remote module", code=named.module)
    return module, newest
