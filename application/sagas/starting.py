"""A process is started in the transaction of what it follows from: its row, its event, and in the end its workflow."""

from dataclasses import dataclass
from uuid import uuid4

from application.commands.sending import storable_faults
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import digest_of
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission
from domain.sagas import (
    ProcessConflict,
    ProcessType,
    ProcessTypeMissing,
    Saga,
    Wish,
    fingerprint,
    name_of,
    shape_faults,
)
from domain.settings.schemas import instance_faults


@dataclass(frozen=True)
class Started:
    """`replayed`: it was started before, and this is what has become of it."""

    saga: Saga
    replayed: bool


class Starting:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, actor: Actor, wish: Wish) -> Started:
        """Raises PermissionMissing, Invalid, ProcessTypeMissing or ProcessConflict."""
        actor.require(Permission.COMMANDS_SEND)
        async with self._store.transaction(actor.tenant) as tx:
            return await start_process(tx, wish, actor)


async def start_process(tx: Transaction, wish: Wish, actor: Actor | None = None) -> Started:
    """In the caller's transaction, which a conflict does not spoil; its commands are sent in the actor's name."""
    await _check(tx, wish)
    saga = Saga(
        tx.tenant, wish.type, wish.id, wish.data, fingerprint(wish), actor.id if actor else None, tx.now,
        wish.correlation or uuid4(), wish.schema_version, wish.causation, wish.change,
    )  # fmt: skip
    there = await tx.sagas.add(saga)
    if there is None:
        await _tell(tx, saga, actor)
        return Started(saga, replayed=False)
    if there.fingerprint != saga.fingerprint:
        raise ProcessConflict(process=name_of(saga.key), differs=_differing(there, saga), state=there.state.value)
    return Started(there, replayed=True)


async def _check(tx: Transaction, wish: Wish) -> None:
    _refuse(shape_faults(wish))
    known = {(each.type, each.schema_version): each for each in await tx.sagas.types(wish.domain)}
    found = known.get((wish.type, wish.schema_version))
    if found is None:
        raise ProcessTypeMissing([_unknown(wish, list(known.values()))])
    _refuse(storable_faults(wish.data, "/data") or instance_faults(found.schema, wish.data, "/data"))
    if wish.change is not None and await tx.changes.get(wish.change) is None:
        raise Invalid([Fault("/change", "a change of this tenant")])


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise Invalid(faults)


def _unknown(wish: Wish, known: list[ProcessType]) -> Fault:
    versions = sorted(each.schema_version for each in known if each.type == wish.type)
    if versions:
        return Fault("/schema_version", "one of " + ", ".join(map(str, versions)))
    types = sorted({each.type for each in known})
    return Fault("/type", "one of " + ", ".join(types) if types else "a type that some worker carries out")


def _differing(before: Saga, after: Saga) -> list[str]:
    """The fields in which they say something else."""
    same = {"schema_version": before.schema_version == after.schema_version,
            "data": digest_of(before.data) == digest_of(after.data)}  # fmt: skip
    return [name for name, is_same in same.items() if not is_same]


async def _tell(tx: Transaction, saga: Saga, actor: Actor | None) -> None:
    """What it was started with is in the process, and stays there."""
    said = {
        "state": saga.state.value,
        "schema_version": saga.schema_version,
        "fingerprint": saga.fingerprint,
        "correlation": str(saga.correlation),
        "causation": saga.causation,
    }
    await record(
        tx, Action.PROCESS_STARTED, ("process", name_of(saga.key)), actor=actor, change=saga.change, after=said
    )
