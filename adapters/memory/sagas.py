"""Processes in memory; what the tables refuse is refused here."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import Catalogue, Rows, Tick, as_stored
from application.ports.sagas import SagaFilter, SagaMark
from domain.commands import CommandState
from domain.errors import Stale
from domain.sagas import ProcessType, Saga, SagaKey, SagaState, WrongProcessState
from domain.sagas.operations import SagaOperation
from domain.sagas.states import FORTH, StepState

_FINAL = frozenset({SagaState.COMPLETED, SagaState.COMPENSATED})
_AGAIN, _QUIET = timedelta(seconds=10), timedelta(minutes=1)


class MemorySagas:
    def __init__(self, rows: Rows, catalogue: Catalogue, tick: Tick) -> None:
        self._rows = rows
        self._catalogue = catalogue
        self._tick = tick

    async def types(self, domain: str | None = None) -> list[ProcessType]:
        known = self._catalogue.processes
        return [known[key] for key in sorted(known) if domain in {None, known[key].domain}]

    async def add(self, started: Saga) -> Saga | None:
        there = self._rows.sagas.get(started.key)
        if there is None:
            self._rows.sagas[started.key] = replace(started, data=as_stored(started.data))
            self._rows.sagas_changed[started.key] = self._tick()
        return there

    async def get(self, key: SagaKey, *, lock: bool = False) -> Saga | None:
        del lock
        return self._rows.sagas.get(key)

    async def page(self, wanted: SagaFilter, before: SagaMark | None, limit: int) -> list[Saga]:
        found = sorted((each for each in self._rows.sagas.values() if _fits(each, wanted)), key=_mark, reverse=True)
        return [each for each in found if before is None or _mark(each) < before][:limit]

    async def save(self, moved: Saga) -> Saga:
        there = self._rows.sagas.get(moved.key)
        if there is None or there.version != moved.version:
            raise Stale(kind_of_thing="process")
        if there.state in _FINAL:
            raise WrongProcessState
        steps = moved.steps and tuple(replace(each, result=as_stored(each.result)) for each in moved.steps)
        after = replace(moved, steps=steps, version=moved.version + 1)
        self._rows.sagas[moved.key] = after
        self._rows.sagas_changed[moved.key] = self._tick()
        return after

    async def mark_told(self, key: SagaKey, version: int | None) -> None:
        self._rows.sagas_told[key] = (version, self._tick())

    async def operation(self, id_: UUID) -> SagaOperation | None:
        return self._rows.saga_operations.get(id_)

    async def add_operation(self, operation: SagaOperation) -> bool:
        return self._rows.saga_operations.setdefault(operation.id, operation) is operation


def waiting_in(rows: Rows, now: datetime) -> list[Saga]:
    return [each for each in rows.sagas.values() if not each.over and _waits(rows, each, now)]


def _waits(rows: Rows, saga: Saga, now: datetime) -> bool:
    version, at = rows.sagas_told.get(saga.key, (None, now))
    if version is None:
        return True
    if version >= saga.version and at >= now - _AGAIN:
        return False
    quiet = rows.sagas_changed[saga.key] < now - _QUIET and not saga.in_flight
    return quiet or any(_moved(rows, saga, name, now) for name in (each.name for each in saga.in_flight))


def _moved(rows: Rows, saga: Saga, name: str, now: datetime) -> bool:
    step = saga.step(name)
    command = rows.commands.get(step.awaited) if step.awaited else None
    if command is None:
        return False
    parked = step.state in {StepState.PARKED, StepState.UNDO_PARKED}
    if command.over or (command.state is CommandState.PARKED) is not parked:
        return True
    late = step.due_at is not None and step.due_at <= now
    return step.state in FORTH and (saga.back or late)


def _mark(saga: Saga) -> SagaMark:
    return saga.started_at, *saga.key


def _fits(saga: Saga, wanted: SagaFilter) -> bool:
    pairs = (
        (wanted.state, saga.state),
        (wanted.type, saga.type),
        (wanted.correlation, saga.correlation),
        (wanted.change, saga.change),
    )
    return all(asked is None or asked == found for asked, found in pairs)
