"""Processes in PostgreSQL: a row for each, and one for each of its steps once these are known."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_sagas import process_type, saga, saga_operation, saga_step
from application.ports.saga_lanes import WaitingSaga
from application.ports.sagas import SagaFilter, SagaMark
from domain.commands import Key
from domain.errors import Stale
from domain.sagas import ProcessType, Saga, SagaKey, SagaState, Step, StepState
from domain.sagas.operations import SagaAct, SagaOperation

_S, _P, _T, _O = saga.c, saga_step.c, process_type.c, saga_operation.c


class PostgresSagas:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def types(self, domain: str | None = None) -> list[ProcessType]:
        query = select(process_type).order_by(_T.type, _T.schema_version)
        if domain is not None:
            query = query.where(_T.type.startswith(f"{domain}.", autoescape=True))
        return [ProcessType(row.type, row.schema_version, row.schema) for row in await self._session.execute(query)]

    async def add(self, started: Saga) -> Saga | None:
        row = {
            "tenant_id": self._tenant, "type": started.type, "process_id": started.id, "data": started.data,
            "schema_version": started.schema_version, "fingerprint": started.fingerprint, "starter": started.starter,
            "started_at": started.started_at, "correlation": started.correlation, "causation": started.causation,
            "change_id": started.change, **_moving(started), "version": started.version,
        }  # fmt: skip
        added = upsert(saga).values(row).on_conflict_do_nothing().returning(_S.process_id)
        return None if await self._session.scalar(added) is not None else await self.get(started.key)

    async def get(self, key: SagaKey, *, lock: bool = False) -> Saga | None:
        query = select(saga).where(_is(key))
        found = await self._found(query.with_for_update() if lock else query)
        return found[0] if found else None

    async def page(self, wanted: SagaFilter, before: SagaMark | None, limit: int) -> list[Saga]:
        place = (_S.started_at, _S.type, _S.process_id)
        query = select(saga).order_by(*(column.desc() for column in place)).limit(limit)
        equal = {
            _S.state: wanted.state,
            _S.type: wanted.type,
            _S.correlation: wanted.correlation,
            _S.change_id: wanted.change,
        }
        for column, value in equal.items():
            query = query if value is None else query.where(column == value)
        if wanted.state not in {None, SagaState.COMPLETED}:
            query = query.where(_S.state != SagaState.COMPLETED.value)  # the index of all others says so, too
        if before is not None:
            query = query.where(tuple_(*place) < tuple_(*before))
        return await self._found(query)

    async def save(self, moved: Saga) -> Saga:
        """Only of what has moved since it was read is a row written."""
        before = await self.get(moved.key)
        row = update(saga).where(_is(moved.key), _S.version == moved.version).returning(_S.version)
        changed = row.values(**_moving(moved), version=_S.version + 1, changed_at=func.clock_timestamp())
        if before is None or await self._session.scalar(changed) is None:
            raise Stale(kind_of_thing="process")
        known = {each.name: each for each in before.steps or ()}
        for place, step in enumerate(moved.steps or (), 1):
            if step.name not in known:
                whose = {"tenant_id": self._tenant, "type": moved.type, "process_id": moved.id}
                values = {**whose, "place": place, "name": step.name, "undoable": step.undoable, **_step_row(step)}
                await self._session.execute(insert(saga_step).values(values))
            elif step != known[step.name]:
                here = (_P.type == moved.type, _P.process_id == moved.id, _P.place == place)
                await self._session.execute(update(saga_step).where(*here).values(_step_row(step)))
        (after,) = await self._found(select(saga).where(_is(moved.key)))
        return after

    async def mark_told(self, key: SagaKey, version: int | None) -> None:
        told = update(saga).where(_is(key)).values(told_version=version, told_at=func.clock_timestamp())
        await self._session.execute(told)

    async def operation(self, id_: UUID) -> SagaOperation | None:
        query = select(saga_operation).where(_O.operation_id == id_)
        row = (await self._session.execute(query)).one_or_none()
        return _operation(row) if row else None

    async def add_operation(self, operation: SagaOperation) -> bool:
        row = {
            "tenant_id": self._tenant, "operation_id": operation.id, "type": operation.key[0],
            "process_id": operation.key[1], "act": operation.act.value, "actor": operation.actor,
            "reason": operation.reason, "digest": operation.digest, "state": operation.state.value,
            "version": operation.version, "at": operation.at,
        }  # fmt: skip
        added = upsert(saga_operation).values(row).on_conflict_do_nothing().returning(_O.operation_id)
        return await self._session.scalar(added) is not None

    async def _found(self, query: Any) -> list[Saga]:
        rows = list(await self._session.execute(query))
        keys = [(row.type, row.process_id) for row in rows]
        wanted = select(saga_step).where(tuple_(_P.type, _P.process_id).in_(keys))
        found = list(await self._session.execute(wanted.order_by(_P.type, _P.process_id, _P.place))) if rows else []
        steps = {key: tuple(map(_step, group)) for key, group in groupby(found, lambda row: (row.type, row.process_id))}
        return [_saga(row, steps.get((row.type, row.process_id), ())) for row in rows]


async def put_process_types(session: AsyncSession, types: Sequence[ProcessType]) -> None:
    for each in types:
        new = upsert(process_type).values(type=each.type, schema_version=each.schema_version, schema=each.schema)
        latest = {"schema": new.excluded.schema, "put_at": text("now()")}
        await session.execute(new.on_conflict_do_update(index_elements=[_T.type, _T.schema_version], set_=latest))


async def waiting_sagas(session: AsyncSession) -> list[WaitingSaga]:
    rows = await session.execute(text("SELECT * FROM find_waiting_sagas()"))
    return [WaitingSaga(row.tenant_id, (row.type, row.process_id), row.version) for row in rows]


def _is(key: SagaKey) -> ColumnElement[bool]:
    return tuple_(_S.type, _S.process_id) == tuple_(*key)


def _moving(of: Saga) -> dict[str, Any]:
    return {"state": of.state.value, "planned": of.steps is not None, "back": of.back, "why": of.why,
            "ended_at": of.ended_at}  # fmt: skip


def _step_row(step: Step) -> dict[str, Any]:
    domain, command_id = step.command or (None, None)
    undo_domain, undo_id = step.undo or (None, None)
    return {
        "state": step.state.value, "domain": domain, "command_id": command_id, "due_at": step.due_at,
        "result": step.result, "undo_domain": undo_domain, "undo_id": undo_id, "undos": step.undos, "why": step.why,
    }  # fmt: skip


def _saga(row: Any, steps: tuple[Step, ...]) -> Saga:
    return Saga(
        row.tenant_id, row.type, row.process_id, row.data, row.fingerprint, row.starter, row.started_at,
        row.correlation, row.schema_version, row.causation, row.change_id, SagaState(row.state),
        steps if row.planned else None, row.back, row.why, row.ended_at, row.version,
    )  # fmt: skip


def _step(row: Any) -> Step:
    return Step(
        row.name, row.undoable, StepState(row.state), _key(row.domain, row.command_id), row.due_at, row.result,
        _key(row.undo_domain, row.undo_id), row.undos, row.why,
    )  # fmt: skip


def _key(domain: str | None, id_: str | None) -> Key | None:
    return (domain, id_) if domain is not None and id_ is not None else None


def _operation(row: Any) -> SagaOperation:
    return SagaOperation(
        row.operation_id, (row.type, row.process_id), SagaAct(row.act), row.actor, row.reason, row.digest,
        SagaState(row.state), row.version, row.at,
    )  # fmt: skip
