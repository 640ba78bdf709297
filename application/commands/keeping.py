"""A tenant says for how long it keeps its commands, where it does not leave that to the installation."""

from dataclasses import replace

from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.commands.purging import TenantRetention
from domain.errors import Invalid, Stale
from domain.people import Actor, Permission


class Keeping:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor) -> TenantRetention:
        """PermissionMissing."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.purged.retention()

    async def set(self, actor: Actor, wished: TenantRetention, reason: str) -> TenantRetention:
        """Over the version that it names; for what is purged from now on. PermissionMissing, Invalid or Stale."""
        actor.require(Permission.POLICY_MANAGE)
        if faults := wished.faults():
            raise Invalid(faults)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.commands.purged.retention()
            after = replace(wished, version=wished.version + 1)
            if not await tx.commands.purged.put_retention(after):
                raise Stale(kind_of_thing="command retention", version=before.version)
            await record(
                tx, Action.COMMAND_RETENTION_SET, ("command-retention", "commands"), actor=actor, reason=reason,
                before=before.to_json(), after=after.to_json(),
            )  # fmt: skip
            return after
