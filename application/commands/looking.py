"""Where commands stand, what became of each, and what may be sent."""

from dataclasses import replace

from application.commands.showing import shown
from application.ports.commands import CommandFilter, Mark
from application.ports.records import AuditRow
from application.ports.store import Place, Store, Transaction
from domain.commands import CommandRecord, CommandType, Key, name_of
from domain.commands.progress import CommandProgress
from domain.commands.purging import CommandPurged
from domain.errors import Missing
from domain.people import Actor, Permission


async def missing(tx: Transaction, key: Key) -> Missing | CommandPurged:
    """Why it is not there."""
    remains = await tx.commands.purged.get(key)
    if remains is None:
        return Missing(kind_of_thing="command", command=name_of(key))
    return CommandPurged(command=name_of(key), **remains.to_json())


class LookingAtCommands:
    """Each raises PermissionMissing, Missing or CommandPurged where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, key: Key) -> CommandRecord:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.commands.get(key)
            if found is None:
                raise await missing(tx, key)
            return shown(found, actor)

    async def page(self, actor: Actor, wanted: CommandFilter, before: Mark | None, limit: int) -> list[CommandRecord]:
        """Newest first."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return [shown(each, actor) for each in await tx.commands.page(wanted, before, limit)]

    async def trail(self, actor: Actor, key: Key, after: Place | None, limit: int) -> list[AuditRow]:
        """Oldest first; nothing where there never was such a command."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.audit.course(("command", name_of(key)), after, limit)

    async def progress(self, actor: Actor, key: Key) -> CommandProgress:
        """How far a long command has come, in its handler's words; these are masked as its result is."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            there = await tx.commands.get(key)
            told = await tx.commands.long.progress(key)
        if there is None or told is None:
            raise Missing(kind_of_thing="progress", command=name_of(key))
        return replace(told, said=shown(replace(there, result=told.said), actor).result)

    async def types(self, actor: Actor, domain: str | None = None) -> list[CommandType]:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.types(domain)
