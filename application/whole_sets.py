"""What all flags of a set have in common is one versioned document each, written under the policy of the flags."""

from typing import Final

from application.definitions import checked_definition
from application.flags import asked, check_ungoverned, check_unheld, write
from application.locking.rules import check_direct
from application.ports.records import StoredFlag
from application.ports.store import Store, Transaction
from domain.audit import Action
from domain.canonical import Json
from domain.changes import Kind, NothingChanges
from domain.environments import Environment
from domain.errors import Fault, Stale
from domain.flags import BUCKETING, SHARED_RULES
from domain.flags.whole import at_first
from domain.people import Actor, Permission

_CHANGED: Final = {SHARED_RULES: Action.SHARED_RULES_CHANGED, BUCKETING: Action.BUCKETING_CHANGED}


class WholeSets:
    """Each raises PermissionMissing, Invalid, Stale, TargetBusy or ApprovalRequired where it applies.

    They change by a rollout where the rollout policy forbids `direct`: StrategyNotAllowed.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key

    async def get(self, actor: Actor, environment: Environment) -> StoredFlag | None:
        """None before the first was written."""
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.flags.get(environment, self._key)

    async def versions(self, actor: Actor, environment: Environment, before: int, limit: int) -> list[StoredFlag]:
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.flags.versions(environment, self._key, before, limit)

    async def replace(
        self, actor: Actor, environment: Environment, raw: Json, *, expected: int, reason: str
    ) -> StoredFlag:
        """Write it anew over version `expected`, which is 0 where there is none yet."""
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            content = await checked_definition(tx, environment, self._key, raw)
            before = await self._writable(tx, environment, expected)
            if content == (before.definition if before else at_first(self._key)):
                raise NothingChanges([Fault("", "equals what is there")])
            after = StoredFlag(environment, self._key, expected + 1, content, "api", actor.id, tx.now, actor.request)
            await write(tx, after, before=before, action=_CHANGED[self._key], actor=actor, reason=reason)
            return after

    async def _writable(self, tx: Transaction, environment: Environment, expected: int) -> StoredFlag | None:
        before = await tx.flags.get(environment, self._key, lock=True)
        await check_ungoverned(tx, environment)
        await check_direct(tx, environment, Kind.FLAG)
        await check_unheld(tx, environment, self._key)
        version = before.version if before else 0
        if version != expected:
            raise Stale(version=version, expected=expected)
        return before
