"""A person stops a process, or has it try again what could not be undone; decision and event are written together."""

from uuid import UUID

from application.ports.store import Store, Transaction
from application.sagas.stand import locked, moved
from domain.audit import Action
from domain.commands.operations import OperationConflict
from domain.errors import Invalid, Stale
from domain.people import Actor, Permission
from domain.sagas import Saga, SagaKey, name_of
from domain.sagas.operations import SagaAct, SagaDecision, SagaOperation

ACTIONS = {SagaAct.CANCEL: Action.PROCESS_CANCELED, SagaAct.RETRY: Action.PROCESS_RETRIED}


class SagaActs:
    """Over the version that was read, under an id that is the asker's own: asked again it is the same decision."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def decide(
        self, actor: Actor, key: SagaKey, seen: int, operation: UUID, decision: SagaDecision
    ) -> SagaOperation:
        """As it was made, now or before; what comes of it its workflow does.

        PermissionMissing, Invalid, Missing, WrongProcessState, Stale or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        if faults := decision.faults():
            raise Invalid(faults)
        async with self._store.transaction(actor.tenant) as tx:
            digest = decision.digest(actor.id, key)
            saga = await locked(tx, key)
            made = await tx.sagas.operation(operation)
            if made is not None:
                return _same(made, digest)
            after = await _decided(tx, actor, saga, seen, decision)
            entry = SagaOperation(
                operation, key, decision.act, actor.id, decision.reason, digest, after.state, after.version, tx.now
            )
            if not await tx.sagas.add_operation(entry):
                raise OperationConflict(operation=str(operation))
            return entry


async def _decided(tx: Transaction, actor: Actor, saga: Saga, seen: int, decision: SagaDecision) -> Saga:
    wished = saga.turned() if decision.act is SagaAct.CANCEL else saga.retried()
    if saga.version != seen:
        raise Stale(kind_of_thing="process", version=saga.version)
    action = ACTIONS[decision.act]
    after = await moved(tx, saga, wished, action=action, actor=actor, reason=decision.reason)
    await tx.sagas.mark_told(saga.key, None)
    return after


def _same(made: SagaOperation, digest: str) -> SagaOperation:
    if made.digest != digest:
        raise OperationConflict(operation=str(made.id), process=name_of(made.key), act=made.act.value)
    return made
