"""A module in another database is known by its code, and one account speaks for it."""

from dataclasses import dataclass

from application.acting import done, remember
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing, Stale
from domain.fences import RemoteModule, check_module
from domain.people import Actor, Permission, PrincipalKind


@dataclass(frozen=True)
class ModuleWish:
    """`speaker` is a handle; without `entities` it keeps books of every one. `told_by` is a type of commands."""

    name: str
    scope: str
    speaker: str
    entities: tuple[str, ...] = ()
    in_service: bool = True
    told_by: str | None = None


class Modules:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, actor: Actor, code: str, wish: ModuleWish, *, expected: int, reason: str) -> RemoteModule:
        """Over version 0 the first time. It hears of the gates that move from now on."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.fences.module(code, lock=True)
            if before and await done(tx, actor):
                return before
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            after = await _wished(tx, code, wish, version + 1)
            if before and before.scope != after.scope:
                raise Invalid([Fault("/scope", "as it was: the books of another scope are another module")])
            await tx.fences.put_module(after)
            await remember(tx, actor, "put-module")
            await record(tx, Action.MODULE_CHANGED, ("remote_module", code), actor=actor, reason=reason,
                         before=before.to_json() if before else None, after=after.to_json())  # fmt: skip
            return after

    async def get(self, actor: Actor, code: str) -> RemoteModule:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.fences.module(code)
            if found is None:
                raise Missing(kind_of_thing="remote module", code=code)
            return found

    async def page(self, actor: Actor, after: str, limit: int) -> list[RemoteModule]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.fences.modules(after, limit)


async def _wished(tx: Transaction, code: str, wish: ModuleWish, version: int) -> RemoteModule:
    faults = []
    speaker = await tx.people.principal(wish.speaker)
    if speaker is None or speaker.kind is not PrincipalKind.SERVICE:
        faults.append(Fault("/speaker", "the handle of a service of this tenant"))
    if wish.scope not in {each.code for each in await tx.books.scopes()}:
        faults.append(Fault("/scope", "the code of a posting scope of this tenant"))
    for place, entity in enumerate(wish.entities):
        if await tx.entities.get(entity) is None:
            faults.append(Fault(f"/entities/{place}", "the code of a legal entity of this tenant"))
    if wish.told_by is not None and not await _takes_gates(tx, wish.told_by):
        faults.append(Fault("/told_by", "a type of commands that some handler takes, and that do not post"))
    if faults or speaker is None:
        raise Invalid(faults)
    module = RemoteModule(
        code, wish.name, wish.scope, speaker.id, frozenset(wish.entities), wish.in_service, version, wish.told_by
    )  # fmt: skip
    check_module(module)
    return module


async def _takes_gates(tx: Transaction, type_: str) -> bool:
    known = [each for each in await tx.commands.types(type_.partition(".")[0]) if each.type == type_]
    return bool(known) and all(each.policy.get("posts") is None for each in known)
