"""Batches in PostgreSQL: whoever counts holds the row; what is parked is counted when somebody asks, in an index."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_commands import command, command_batch, command_batch_parked
from application.ports.batches import BatchMark
from domain.commands import Command, CommandState, Key
from domain.commands.batches import Batch, OnParked, Progress
from domain.errors import Stale

_B, _C, _P = command_batch.c, command.c, command_batch_parked.c
_CALLBACK = TypeAdapter(Command)
_SAME = ("fingerprint", "sender", "created_at", "total", "completed", "failed", "canceled", "expired", "called_back",
         "ended_at", "version")  # fmt: skip
_MOVING = ("completed", "failed", "canceled", "expired", "called_back", "ended_at")


class PostgresBatches:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, batch: Batch) -> Batch | None:
        callback = _CALLBACK.dump_python(batch.callback, mode="json") if batch.callback else None
        row = {"tenant_id": self._tenant, "batch_id": batch.id, "on_parked": batch.on_parked.value,
               "callback": callback, **{name: getattr(batch, name) for name in _SAME}}  # fmt: skip
        added = insert(command_batch).values(row).on_conflict_do_nothing().returning(_B.batch_id)
        if await self._session.scalar(added) is not None:
            return None
        return _batch((await self._session.execute(select(command_batch).where(_B.batch_id == batch.id))).one())

    async def hold(self, id_: str) -> Batch | None:
        query = select(command_batch).where(_B.batch_id == id_).with_for_update(key_share=True)
        row = (await self._session.execute(query)).one_or_none()
        return _batch(row) if row else None

    async def save(self, batch: Batch) -> Batch:
        saved = (
            update(command_batch)
            .where(_B.batch_id == batch.id, _B.version == batch.version)
            .values({name: getattr(batch, name) for name in _MOVING} | {"version": _B.version + 1})
            .returning(*command_batch.c)
        )
        row = (await self._session.execute(saved)).one_or_none()
        if row is None:
            raise Stale(kind_of_thing="command batch")
        return _batch(row)

    async def add_parked(self, id_: str, keys: Sequence[Key]) -> set[Key]:
        rows = [
            {"tenant_id": self._tenant, "batch_id": id_, "domain": domain, "command_id": command_id}
            for domain, command_id in keys
        ]
        added = insert(command_batch_parked).values(rows).on_conflict_do_nothing().returning(_P.domain, _P.command_id)
        return {(row.domain, row.command_id) for row in await self._session.execute(added)} if rows else set()

    async def parked(self, id_: str, keys: Collection[Key]) -> set[Key]:
        query = select(_P.domain, _P.command_id).where(
            _P.batch_id == id_, tuple_(_P.domain, _P.command_id).in_(sorted(keys))
        )
        return {(row.domain, row.command_id) for row in await self._session.execute(query)}

    async def get(self, id_: str) -> Progress | None:
        row = (await self._session.execute(_seen().where(_B.batch_id == id_))).one_or_none()
        return Progress(_batch(row), row.parked) if row else None

    async def page(self, before: BatchMark | None, limit: int) -> list[Progress]:
        query = _seen()
        if before is not None:
            query = query.where(tuple_(_B.created_at, _B.batch_id) < tuple_(*before))
        newest = query.order_by(_B.created_at.desc(), _B.batch_id.desc()).limit(limit)
        return [Progress(_batch(row), row.parked) for row in await self._session.execute(newest)]


def _seen() -> Select[Any]:
    waiting = select(func.count()).where(
        _C.tenant_id == _B.tenant_id, _C.batch_id == _B.batch_id, _C.state == CommandState.PARKED.value
    )
    return select(command_batch, waiting.correlate(command_batch).scalar_subquery().label("parked"))


def _batch(row: Any) -> Batch:
    callback = _CALLBACK.validate_python(row.callback) if row.callback else None
    said = {name: getattr(row, name) for name in _SAME}
    return Batch(row.batch_id, row.tenant_id, on_parked=OnParked(row.on_parked), callback=callback, **said)
