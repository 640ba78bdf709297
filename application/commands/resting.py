"""What commands depend on: whether it is used now, and a person who leaves it alone or uses it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.commands.breaking import moved
from application.ports.store import Store, Transaction
from domain.commands import CommandType
from domain.commands.breakers import Breaker, BreakerAct, BreakerOperation, act_digest, reason_faults
from domain.commands.limits import LimitScope
from domain.commands.operations import OperationConflict
from domain.errors import Invalid, Missing, Stale
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Dependency:
    """A breaker, and the types of commands that it holds back while it is not closed."""

    breaker: Breaker
    types: tuple[str, ...]


class Dependencies:
    """Each raises PermissionMissing, or Missing of what no handler depends on.

    A person speaks for their tenant: what is shared by all moves by what happens and by nothing else.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, actor: Actor) -> list[Dependency]:
        """By name, a tenant's own after the one that is shared."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return _dependencies(await tx.commands.types(), await tx.commands.breakers.some())

    async def get(self, actor: Actor, name: str) -> Dependency:
        """The tenant's own."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _own(tx, name)

    async def act(
        self, actor: Actor, act: tuple[str, BreakerAct], seen: int, operation: UUID, reason: str
    ) -> BreakerOperation:
        """As it was done, now or before, over the version that was read.

        Invalid, Stale, WrongBreakerState or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        name, what = act
        async with self._store.transaction(actor.tenant) as tx:
            await _own(tx, name)
            before = await tx.commands.breakers.lock(name, LimitScope.TENANT)
            digest = act_digest(actor.id, name, what, reason)
            made = await tx.commands.breakers.operation(operation)
            if made is not None:
                return _same(made, digest)
            if wrong := reason_faults(reason):
                raise Invalid(wrong)
            if before.version != seen:
                raise Stale(kind_of_thing="command breaker", version=before.version)
            after = before.opened(actor.id, reason, tx.now) if what is BreakerAct.OPEN else before.closed(tx.now)
            done = BreakerOperation(operation, name, what, actor.id, reason, digest, after.state, after.version, tx.now)
            if not await tx.commands.breakers.add_operation(done):
                raise OperationConflict(operation=str(operation))
            await moved(tx, before, after, actor=actor, reason=reason)
            return done


def _same(made: BreakerOperation, digest: str) -> BreakerOperation:
    if made.digest != digest:
        raise OperationConflict(operation=str(made.id), command=made.dependency, act=made.act.value)
    return made


async def _own(tx: Transaction, name: str) -> Dependency:
    found = _dependencies(await tx.commands.types(), await tx.commands.breakers.some([name]))
    for each in found:
        if each.breaker.dependency == name and each.breaker.scope is LimitScope.TENANT:
            return each
    raise Missing(kind_of_thing="dependency of commands", dependency=name)


def _dependencies(types: Sequence[CommandType], breakers: Sequence[Breaker]) -> list[Dependency]:
    """Those of the newest version of each type: a tenant's own of every one, and a shared one where types share it."""
    there = {(each.dependency, each.scope): each for each in breakers}
    newest = {each.type: each.policy for each in types}
    found: dict[tuple[str, LimitScope], list[str]] = {}
    for name, policy in sorted(newest.items()):
        if (dependency := policy.get("depends_on")) is not None:
            for scope in sorted({LimitScope.TENANT, LimitScope(policy["limit_scope"])}):
                found.setdefault((dependency, scope), []).append(name)
    return [
        Dependency(there.get(which, Breaker(*which)), tuple(names)) for which, names in sorted(found.items())
    ]  # fmt: skip
