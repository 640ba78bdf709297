"""Where processes stand, what happened to each, and which may be started."""

from dataclasses import replace

from application.commands.showing import masked
from application.ports.records import AuditRow
from application.ports.sagas import SagaFilter, SagaMark
from application.ports.store import Place, Store
from application.sagas.stand import missing
from domain.people import Actor, Permission
from domain.sagas import ProcessType, Saga, SagaKey, name_of


class LookingAtSagas:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, key: SagaKey) -> Saga:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.sagas.get(key)
        if found is None:
            raise missing(key)
        return shown(found, actor)

    async def page(self, actor: Actor, wanted: SagaFilter, before: SagaMark | None, limit: int) -> list[Saga]:
        """Newest first."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return [shown(each, actor) for each in await tx.sagas.page(wanted, before, limit)]

    async def trail(self, actor: Actor, key: SagaKey, after: Place | None, limit: int) -> list[AuditRow]:
        """Oldest first; nothing where there never was such a process."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.audit.course(("process", name_of(key)), after, limit)

    async def types(self, actor: Actor, domain: str | None = None) -> list[ProcessType]:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.sagas.types(domain)


def shown(saga: Saga, actor: Actor) -> Saga:
    """Data and results are shown to whoever started it and to whoever may decide about it; others see their shape."""
    if Permission.COMMANDS_OPERATE in actor.permissions or saga.starter == actor.id:
        return saga
    steps = tuple(replace(each, result=masked(each.result)) for each in saga.steps or ())
    return replace(saga, data=masked(saga.data), steps=steps if saga.steps is not None else None)
