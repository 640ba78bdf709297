"""Gates and exceptions; who may post what is answered by the guard in the database itself."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    Select,
    Table,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.errors import translated
from adapters.postgres.posting_refusals import DEFECTS
from adapters.postgres.tables_periods import (
    period_gate,
    period_gate_history,
    posting_exception,
    posting_exception_use,
    run_token,
)
from application.ports.periods import ExceptionUse, Postable, PostingAsked
from domain.periods import (
    GateKey,
    Grantee,
    Operation,
    PeriodGate,
    Posting,
    PostingException,
    StaleEpoch,
    Status,
)

_G, _H, _E, _U = period_gate.c, period_gate_history.c, posting_exception.c, posting_exception_use.c
_HOLD = text("SELECT fiscal.hold_gates_v1(:tenant, CAST(:entities AS text[]), CAST(:periods AS uuid[]), "
             "CAST(:scopes AS text[]))")  # fmt: skip
_ASSERT = text("SELECT period_id, epoch FROM fiscal.assert_postable_v1(:tenant, :entity, :scope, :operation, :day, "
               ":actor, :run_token, :period)")  # fmt: skip

_KEY = ("entity", "period_id", "scope")
_MOVING = ("status", "posting", "epoch", "changed_by", "changed_at", "reason")
_COLUMNS = (*_KEY, *_MOVING)
_GIVEN = (
    func.unnest(*(cast(bindparam(f"{name}_each"), ARRAY(_G[name].type)) for name in _COLUMNS))
    .table_valued(*(column(name, _G[name].type) for name in _COLUMNS), name="given")
    .render_derived()
)
"""A row for each gate that moves."""
_OPENED = (
    upsert(period_gate)
    .from_select(["tenant_id", *_COLUMNS], select(bindparam("tenant", type_=Uuid), *_GIVEN.c))
    .on_conflict_do_nothing()
    .returning(*(_G[name] for name in _KEY))
)
_MOVED = (
    update(period_gate)
    .values({name: _GIVEN.c[name] for name in _MOVING})
    .where(*(_G[name] == _GIVEN.c[name] for name in _KEY), _G.tenant_id == bindparam("tenant"))
    .returning(*(_G[name] for name in _KEY))
)


class PostgresPeriods:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def gates(self, entity: str, periods: Collection[UUID]) -> list[PeriodGate]:
        query = select(period_gate).where(_G.entity == entity, _G.period_id.in_(periods))
        return await self._gates(query.order_by(_G.period_id, _G.scope))

    async def hold(self, keys: Collection[GateKey]) -> dict[GateKey, PeriodGate]:
        ordered = sorted(set(keys))
        columns = {
            "entities": [key.entity for key in ordered],
            "periods": [key.period for key in ordered],
            "scopes": [key.scope for key in ordered],
        }
        with _as_defects():
            await self._session.execute(_HOLD, {"tenant": self._tenant, **columns})
        # By itself, after the locks: it sees what was committed while they were waited for.
        places = [(key.entity, key.period, key.scope) for key in ordered]
        query = select(period_gate).where(tuple_(_G.entity, _G.period_id, _G.scope).in_(places))
        found = {gate.key: gate for gate in await self._gates(query)}
        return {key: found.get(key, PeriodGate.pending(key)) for key in ordered}

    async def move(self, gates: Sequence[PeriodGate]) -> None:
        for statement, moved in (
            (_OPENED, [gate for gate in gates if gate.epoch == 1]),
            (_MOVED, [gate for gate in gates if gate.epoch > 1]),
        ):
            if moved:
                columns = {f"{name}_each": [_row(gate)[name] for gate in moved] for name in _COLUMNS}
                with _as_defects():
                    written = await self._session.execute(statement, {"tenant": self._tenant, **columns})
                known = {_key(row) for row in written}
                for gate in moved:
                    if gate.key not in known:
                        raise StaleEpoch(expected=gate.epoch - 1)

    async def history(self, key: GateKey, before_epoch: int, limit: int) -> list[PeriodGate]:
        query = select(period_gate_history).where(*_at(period_gate_history, key), _H.epoch < before_epoch)
        return await self._gates(query.order_by(_H.epoch.desc()).limit(limit))

    async def grant(self, exception: PostingException) -> None:
        row = {
            "exception_id": exception.id,
            **_key_row(exception.key),
            "grantee": exception.grantee.value,
            "who": exception.who,
            "operations": sorted(exception.operations),
            "reason": exception.reason,
            "granted_by": exception.granted_by,
            "granted_at": exception.granted_at,
            "valid": Range(exception.begins, exception.ends, bounds="[)"),
            "most_entries": exception.most_entries,
        }
        await self._session.execute(insert(posting_exception).values(tenant_id=self._tenant, **row))

    async def exception(self, exception: UUID, *, lock: bool = False) -> PostingException | None:
        query = select(posting_exception).where(_E.exception_id == exception)
        found = await self._exceptions(query.with_for_update() if lock else query)
        return found[0] if found else None

    async def exceptions(
        self, entity: str, period: UUID | None, after: UUID | None, limit: int
    ) -> list[PostingException]:
        query = select(posting_exception).where(_E.entity == entity)
        if period is not None:
            query = query.where(_E.period_id == period)
        if after is not None:
            query = query.where(_E.exception_id > after)
        return await self._exceptions(query.order_by(_E.exception_id).limit(limit))

    async def live(self, entity: str) -> list[PostingException]:
        query = select(posting_exception).where(_E.entity == entity, _E.revoked_at.is_(None))
        return await self._exceptions(query.where(func.upper(_E.valid) > func.now()).order_by(_E.exception_id))

    async def revoke(self, exception: PostingException) -> None:
        revoked = update(posting_exception).where(_E.exception_id == exception.id)
        when = {"revoked_at": exception.revoked_at, "revoked_by": exception.revoked_by}
        await self._session.execute(revoked.values(**when))

    async def uses(self, key: GateKey) -> list[ExceptionUse]:
        of_gate = select(_E.exception_id).where(*_at(posting_exception, key))
        query = select(posting_exception_use).where(_U.exception_id.in_(of_gate)).order_by(_U.use_id)
        return [
            ExceptionUse(row.exception_id, row.used_at, row.actor, Operation(row.operation), row.epoch)
            for row in await self._session.execute(query)
        ]

    async def assert_postable(self, asked: PostingAsked) -> Postable:
        given = {**vars(asked), "operation": asked.operation.value, "tenant": self._tenant}
        try:
            row = (await self._session.execute(_ASSERT, given)).one()
        except DBAPIError as error:
            raise translated(error) or error from error
        return Postable(row.period_id, row.epoch)

    async def put_token(self, run: UUID, keys: Collection[GateKey]) -> UUID:
        token = uuid4()
        rows = [{"tenant_id": self._tenant, "token": token, "run": run, **_key_row(key)} for key in set(keys)]
        with _as_defects():
            await self._session.execute(insert(run_token), rows)
        return token

    async def drop_token(self, token: UUID) -> None:
        await self._session.execute(delete(run_token).where(run_token.c.token == token))

    async def _gates(self, query: Select[Any]) -> list[PeriodGate]:
        return [
            PeriodGate(
                _key(row),
                Status(row.status),
                Posting(row.posting),
                row.epoch,
                row.changed_by,
                row.changed_at,
                row.reason,
            )
            for row in await self._session.execute(query)
        ]

    async def _exceptions(self, query: Select[Any]) -> list[PostingException]:
        return [
            PostingException(
                row.exception_id,
                _key(row),
                Grantee(row.grantee),
                row.who,
                frozenset(map(Operation, row.operations)),
                row.reason,
                row.granted_by,
                row.granted_at,
                row.valid.lower,
                row.valid.upper,
                row.most_entries,
                row.used,
                row.revoked_at,
                row.revoked_by,
            )
            for row in await self._session.execute(query)
        ]


@contextmanager
def _as_defects() -> Iterator[None]:
    """What the database says to a closer of ours that does it wrong."""
    try:
        yield
    except DBAPIError as error:
        defect = DEFECTS.get(str(getattr(error.orig, "sqlstate", "")))
        if defect is None:
            raise
        raise defect(str(defect.__doc__)) from error


def _key(row: Any) -> GateKey:
    return GateKey(row.entity, row.period_id, row.scope)


def _key_row(key: GateKey) -> dict[str, Any]:
    return {"entity": key.entity, "period_id": key.period, "scope": key.scope}


def _row(gate: PeriodGate) -> dict[str, Any]:
    return {
        **_key_row(gate.key),
        "status": gate.status.value,
        "posting": gate.posting.value,
        "epoch": gate.epoch,
        "changed_by": gate.changed_by,
        "changed_at": gate.changed_at,
        "reason": gate.reason,
    }


def _at(table: Table, key: GateKey) -> tuple[Any, ...]:
    return tuple(table.c[name] == value for name, value in _key_row(key).items())
