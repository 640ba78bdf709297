"""Shared rules (`$evaluators`) are one versioned document of an environment, written under the policy of its flags."""

from dataclasses import dataclass

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
from domain.flags import SHARED_RULES
from domain.flags.authoring import SEGMENT, is_segment
from domain.flags.evaluators import rules_of
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Segment:
    """An authored shared rule; `flags` are the keys of those that name it, in order."""

    name: str
    description: str | None
    owner: str | None
    flags: tuple[str, ...]


class SharedRules:
    """Each raises PermissionMissing, Invalid, Stale, TargetBusy or ApprovalRequired where it applies.

    They change by a rollout where the rollout policy forbids `direct`: StrategyNotAllowed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, environment: Environment) -> StoredFlag | None:
        """None before the first were written."""
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.flags.get(environment, SHARED_RULES)

    async def versions(self, actor: Actor, environment: Environment, before: int, limit: int) -> list[StoredFlag]:
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.flags.versions(environment, SHARED_RULES, before, limit)

    async def segments(self, actor: Actor, environment: Environment, after: str, limit: int) -> list[Segment]:
        """By name; rules that are written in JsonLogic are not among them."""
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            stored = await tx.flags.flag_set(environment)
        wanted = [name for name, rule in sorted(stored.evaluators.items()) if is_segment(rule) and name > after]
        used = {key: rules_of(flag) for key, flag in sorted(stored.flags.items())}
        found = []
        for name in wanted[:limit]:
            said = stored.evaluators[name][SEGMENT]
            users = tuple(key for key, rules in used.items() if name in rules)
            found.append(Segment(name, said.get("description"), said.get("owner"), users))
        return found

    async def replace(
        self, actor: Actor, environment: Environment, raw: Json, *, expected: int, reason: str
    ) -> StoredFlag:
        """Write all of them anew over version `expected`, which is 0 where there are none yet."""
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            rules = await checked_definition(tx, environment, SHARED_RULES, raw)
            before = await _writable(tx, environment, expected)
            if before is not None and before.definition == rules:
                raise NothingChanges([Fault("", "equals the present rules")])
            after = StoredFlag(environment, SHARED_RULES, expected + 1, rules, "api", actor.id, tx.now, actor.request)
            await write(tx, after, before=before, action=Action.SHARED_RULES_CHANGED, actor=actor, reason=reason)
            return after


async def _writable(tx: Transaction, environment: Environment, expected: int) -> StoredFlag | None:
    before = await tx.flags.get(environment, SHARED_RULES, lock=True)
    await check_ungoverned(tx, environment)
    await check_direct(tx, environment, Kind.FLAG)
    await check_unheld(tx, environment, SHARED_RULES)
    version = before.version if before else 0
    if version != expected:
        raise Stale(version=version, expected=expected)
    return before
