"""What commands depend on: whether it is used now, and a person who leaves it alone or uses it again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from application.commands.breaking import Which, moved
from application.ports.store import Store, Transaction
from domain.commands.breakers import Breaker, BreakerAct, BreakerOperation, act_digest, reason_faults
from domain.commands.dependencies import Dependence
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
        """By name, a tenant's own after the one that is shared; of receivers those that did not answer lately."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            depending, troubled = await tx.commands.breakers.depending(), await tx.commands.breakers.troubled()
            named = {(each.name, scope) for each in depending for scope in (LimitScope.TENANT, each.scope)}
            named |= {(each.dependency, each.scope) for each in troubled}
            return _dependencies(depending, named, await tx.commands.breakers.some({name for name, _ in named}))

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
    which = name, LimitScope.TENANT
    breakers = await tx.commands.breakers.some([name])
    for each in _dependencies(await tx.commands.breakers.depending(), {which}, breakers):
        return each
    raise Missing(kind_of_thing="dependency of commands", dependency=name)


def _dependencies(
    depending: Sequence[Dependence], named: Collection[Which], breakers: Sequence[Breaker]
) -> list[Dependency]:  # fmt: skip
    """Those of them on which a type depends."""
    there = {(each.dependency, each.scope): each for each in breakers}
    found = []
    for which in sorted(named):
        types = tuple(
            each.type for each in depending if each.has(which[0]) and which[1] in {LimitScope.TENANT, each.scope}
        )
        if types:
            found.append(Dependency(there.get(which, Breaker(*which)), types))
    return found
