"""People freeze and block what may start, for a reason and until a moment, and lift that again."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from application.ports.store import Place, Store
from application.recording import record
from domain.audit import Action
from domain.errors import Missing
from domain.locks import LONGEST, Freeze, FreezeKind, Reach, WhileRunning, check_term, freeze_json
from domain.people import Actor, Permission


@dataclass(frozen=True)
class FreezeWish:
    """A freeze has an end of its own; a block has one only so that it is not forgotten."""

    kind: FreezeKind
    reach: Reach
    starts: datetime | None
    ends: datetime | None
    running: WhileRunning
    owner: str | None
    reason: str


class Freezing:
    """Each raises PermissionMissing, Missing or Invalid where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set(self, actor: Actor, wish: FreezeWish) -> Freeze:
        actor.require(Permission.ROLLOUT_CONTROL)
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.freezes.get(actor.request) if actor.request else None
            if known is not None:
                return known
            starts = wish.starts or tx.now
            ends = wish.ends or (starts + LONGEST if wish.kind is FreezeKind.BLOCK else None)
            check_term(starts, ends, tx.now)
            freeze = Freeze(
                actor.request or uuid4(), actor.tenant, wish.kind, wish.reach, starts, ends or starts, wish.running,
                wish.owner or actor.handle, wish.reason, actor.id, tx.now,
            )  # fmt: skip
            await tx.freezes.add(freeze)
            await record(tx, Action.FREEZE_SET, ("freeze", freeze.id), actor=actor, reason=wish.reason,
                         after=freeze_json(freeze))  # fmt: skip
            return freeze

    async def lift(self, actor: Actor, freeze: UUID, kind: FreezeKind, reason: str) -> Freeze:
        """What waited for its end goes on; lifting what is lifted changes nothing."""
        actor.require(Permission.ROLLOUT_CONTROL)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.freezes.get(freeze, lock=True)
            if found is None or found.kind is not kind:
                raise Missing(kind_of_thing=kind.value, id=str(freeze))
            if found.lifted_at is not None:
                return found
            await tx.freezes.lift(freeze, tx.now, actor.id)
            await record(tx, Action.FREEZE_LIFTED, ("freeze", freeze), actor=actor, reason=reason,
                         before=freeze_json(found))  # fmt: skip
            return replace(found, lifted_at=tx.now, lifted_by=actor.id)

    async def get(self, actor: Actor, freeze: UUID, kind: FreezeKind) -> Freeze:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.freezes.get(freeze)
        if found is None or found.kind is not kind:
            raise Missing(kind_of_thing=kind.value, id=str(freeze))
        return found

    async def page(self, actor: Actor, kind: FreezeKind, before: Place | None, limit: int) -> list[Freeze]:
        """This tenant's, newest first; those of tenants above are told by who waits for them."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.freezes.page(kind, before, limit)
