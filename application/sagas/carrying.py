"""A process is carried on from where the database says that it stands: each step of its workflow is one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from application.commands.moves import moved as command_moved
from application.commands.sending import send_in
from application.ports.store import Store, Transaction
from application.sagas.declaring import Instruct, Planned, ProcessBook
from application.sagas.stand import SagaStand, SagaStep, called_off, locked, moved, stand_of
from domain.commands import Command, CommandError, CommandRecord, Key, name_of
from domain.commands.states import WAITING, CommandState
from domain.errors import Refusal, Unavailable
from domain.people import Actor, Permission, PermissionMissing
from domain.sagas import Saga, Step, Turn

CANCELED = CommandError("process", "process-canceled", "its process was stopped")
TIMED_OUT = CommandError("process", "timed-out", "its process waits for it no longer")


class CarryingSagas:
    """Done twice, each is done once: the row is locked, and says whether it is still to be done."""

    def __init__(self, store: Store, book: ProcessBook) -> None:
        self._store = store
        self._book = book

    async def plan(self, step: SagaStep) -> SagaStand:
        """Its steps are written down; ProcessUnknown where this worker has no such process."""
        async with self._store.transaction(step.tenant) as tx:
            saga = await locked(tx, step.key)
            if saga.next.turn is Turn.PLAN:
                saga = await moved(tx, saga, self._planned(saga))
            return stand_of(saga, tx.now)

    async def look(self, step: SagaStep) -> SagaStand:
        """What has become of the commands that it waits for."""
        async with self._store.transaction(step.tenant) as tx:
            saga = await locked(tx, step.key)
            seen = saga
            for each in saga.in_flight:
                seen = seen.moved(await _seen(tx, saga, each))
            return stand_of(await moved(tx, saga, seen), tx.now)

    async def send(self, step: SagaStep) -> SagaStand:
        """The command of the next step; one that cannot be sent is a step that failed."""
        async with self._store.transaction(step.tenant) as tx:
            saga = await locked(tx, step.key)
            todo = saga.next
            if todo.turn is Turn.SEND and todo.step is not None:
                saga = await moved(tx, saga, saga.moved(await self._sent(tx, saga, todo.step)))
            return stand_of(saga, tx.now)

    async def undo(self, step: SagaStep) -> SagaStand:
        """The command that undoes the last step which is done; one that cannot be sent holds up no other."""
        async with self._store.transaction(step.tenant) as tx:
            saga = await locked(tx, step.key)
            todo = saga.next
            if todo.turn is Turn.UNDO and todo.step is not None:
                saga = await moved(tx, saga, saga.moved(await self._undone(tx, saga, todo.step)))
            return stand_of(saga, tx.now)

    async def turn(self, step: SagaStep) -> SagaStand:
        """Its workflow was cancelled from outside."""
        async with self._store.transaction(step.tenant) as tx:
            saga = await locked(tx, step.key)
            if not (saga.over or saga.back):
                saga = await moved(tx, saga, saga.turned("workflow_cancelled"))
            return stand_of(saga, tx.now)

    def _planned(self, saga: Saga) -> Saga:
        declared = self._book.of(saga)
        try:
            planned = declared.steps(saga.data)
        except Exception as error:  # noqa: BLE001 -- a declaration may raise anything
            return saga.unplanned(_code(error))
        return saga.planned(Step(each.name, each.undo is not None) for each in planned)

    async def _sent(self, tx: Transaction, saga: Saga, step: Step) -> Step:
        try:
            planned = self._step(saga, step)
            due = tx.now + planned.within if planned.within else None
            whole = _command(saga, saga.command_id(step), planned.do, _before(saga, step), due)
            key, record = await _send(tx, whole, await _starter(tx, saga))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- a declaration may raise anything
            return step.unsent(_code(error))
        return step.sent(key, due).seen(record)

    async def _undone(self, tx: Transaction, saga: Saga, step: Step) -> Step:
        """In the name of whoever started it, whatever that person may do by now: it must not stay as it is."""
        try:
            undo = self._step(saga, step).undo
            if undo is None:
                return step.unsent("undo-missing")
            whole = _command(saga, saga.undo_id(step), undo, step.command)
            starter = await tx.people.actor(saga.starter) if saga.starter else None
            key, record = await _send(tx, whole, starter)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- a declaration may raise anything
            return step.unsent(_code(error))
        return step.undone_by(key).seen(record)

    def _step(self, saga: Saga, step: Step) -> Planned:
        """StopIteration, where the code has no step of this name any more."""
        return next(each for each in self._book.of(saga).steps(saga.data) if each.name == step.name)


async def _send(tx: Transaction, command: Command, actor: Actor | None) -> tuple[Key, CommandRecord]:
    """What goes wrong in between is undone, and nothing else. One that takes its place is waited for as well."""
    async with tx.commands.attempt():
        (sent,) = await send_in(tx, [command], actor, paths=[""])
    return sent.record.key, sent.record


async def _seen(tx: Transaction, saga: Saga, step: Step) -> Step:
    """What is not to be done any more and has not begun ends here; what has begun is waited for."""
    key = step.awaited
    off = called_off(saga, step, tx.now)
    record = await tx.commands.get(key, lock=off) if key is not None else None
    if record is None:
        return step.lost("command-missing")
    if off and record.state in {*WAITING, CommandState.PARKED}:
        (record,) = await command_moved(tx, [_ended(record, CANCELED if saga.back else TIMED_OUT, tx.now)])
    return step.seen(record)


def _ended(record: CommandRecord, error: CommandError, at: datetime) -> CommandRecord:
    """Unexecuted."""
    if record.state is CommandState.PARKED:
        return replace(record.canceled(at), error=error)
    return record.stopped(error, at)


def _command(saga: Saga, id_: str, instruct: Instruct, cause: Key | None, due: datetime | None = None) -> Command:
    asked = instruct(saga.results)
    options = replace(
        asked.options, correlation=saga.correlation, change=saga.change or asked.options.change,
        causation=name_of(cause) if cause else saga.causation, expires_at=due or asked.options.expires_at,
    )  # fmt: skip
    return Command(asked.type, id_, asked.payload, asked.schema_version, options)


async def _starter(tx: Transaction, saga: Saga) -> Actor | None:
    """None where no person started it; PermissionMissing where that person may send no commands any more."""
    if saga.starter is None:
        return None
    actor = await tx.people.actor(saga.starter)
    if actor is None:
        raise PermissionMissing(permission=Permission.COMMANDS_SEND.value)
    actor.require(Permission.COMMANDS_SEND)
    return actor


def _before(saga: Saga, step: Step) -> Key | None:
    """The command of the step before it."""
    steps: Sequence[Step] = saga.steps or ()
    place = [each.name for each in steps].index(step.name)
    return steps[place - 1].command if place else None


def _code(error: Exception) -> str:
    """Of what nobody declared its class: its text may hold anything."""
    return error.kind if isinstance(error, Refusal) else type(error).__name__
