"""What waits for a person: one by one, or by what it has in common."""

from dataclasses import replace

from application.commands.showing import shown
from application.ports.parked import CauseMark, ParkedFilter, ParkedMark
from application.ports.store import Store
from domain.commands import Key, name_of
from domain.commands.operations import Cause, Parked
from domain.errors import Missing
from domain.people import Actor, Permission


class Troubleshooting:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, key: Key) -> Parked:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.commands.parked.get(key)
        if found is None:
            raise Missing(kind_of_thing="parked command", command=name_of(key))
        return _shown(found, actor)

    async def page(self, actor: Actor, wanted: ParkedFilter, before: ParkedMark | None, limit: int) -> list[Parked]:
        """Those last that have been parked for longest."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.commands.parked.page(wanted, before, limit)
        return [_shown(each, actor) for each in found]

    async def causes(self, actor: Actor, wanted: ParkedFilter, before: CauseMark | None, limit: int) -> list[Cause]:
        """Those first of which most are parked."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.parked.causes(wanted, before, limit)


def _shown(parked: Parked, actor: Actor) -> Parked:
    return replace(parked, record=shown(parked.record, actor))
