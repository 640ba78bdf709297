"""A tenant that is new has every lock that stands above it."""

from application.ports.store import Transaction
from application.tenancy.binding import Lock, bind, parsed
from domain.canonical import Json
from domain.environments import Environment
from domain.people import Actor
from domain.settings import Entry, EntryState
from domain.settings.scopes import LOCKS
from domain.tenants import LockDoesNotFit, Tenancy

MOST_LOCKS = 10_000


async def hold(tx: Transaction, actor: Actor, parent: Tenancy, new: Tenancy) -> None:
    """Those that its parent has, and its parent's own. Nobody above writes another before this transaction ends."""
    locks: list[Lock] = []
    async with tx.within(parent.id) as above:
        for environment in Environment:
            at = await above.settings.lock(environment)
            standing = await above.settings.entries(environment, None, LOCKS, at)
            own = await above.tenant_locks.standing(environment, "", MOST_LOCKS)
            known = await above.settings.definitions_of({each.key for each in standing} | {each.key for each in own})
            means = {key: parsed(each) for key, each in known.items()}
            locks += [
                Lock(environment, means[each.key], _said(each.entry), str(each.entry.above), LOCKS.index(each.scope),
                     each.entry.reason)
                for each in standing if each.entry.covers(at)
            ]  # fmt: skip
            locks += [
                Lock(environment, means[each.key], each.lock, parent.slug, len(parent.ancestors), each.reason)
                for each in own
            ]
    async with tx.within(new.id) as below:
        for lock in locks:
            faults = (await bind(below, actor, lock)).faults
            if faults:
                told = [f"{fault.path}: {fault.message}" for fault in faults]
                raise LockDoesNotFit(key=lock.definition.key, tenants={new.slug: told})


def _said(entry: Entry) -> Json:
    """As a lock says it."""
    says: dict[str, Json] = {"enforced": entry.enforced}
    if entry.state is EntryState.SET:
        says["value"] = entry.value
    if entry.constraint is not None:
        says["constraint"] = entry.constraint.to_json()
    return says
