"""Parked commands in PostgreSQL: an index of them alone answers what is asked, however many commands there are."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    func,
    not_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.command_rows import record_of
from adapters.postgres.tables_commands import command, command_operation, command_type
from application.ports.parked import CauseMark, ParkedFilter, ParkedMark
from domain.commands import CommandState, Key, ParkedKind
from domain.commands.operations import RESOLVING, Act, Cause, Operation, Parked
from domain.errors import Stale

_C, _O, _T = command.c, command_operation.c, command_type.c


class PostgresParkedCommands:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, key: Key) -> Parked | None:
        query = select(command).where(_C.domain == key[0], _C.command_id == key[1], _C.state == "parked")
        row = (await self._session.execute(query)).one_or_none()
        return parked_of(row) if row else None

    async def page(self, wanted: ParkedFilter, before: ParkedMark | None, limit: int) -> list[Parked]:
        return [parked_of(row) for row in await self._session.execute(newest(wanted, before, limit))]

    async def causes(self, wanted: ParkedFilter, before: CauseMark | None, limit: int) -> list[Cause]:
        return [_cause(row) for row in await self._session.execute(largest(wanted, before, limit))]

    async def note(self, parked: Parked) -> int:
        (domain, id_), record = parked.record.key, parked.record
        noted = (
            update(command)
            .where(_C.domain == domain, _C.command_id == id_, _C.version == record.version, _C.state == "parked")
            .values(assignee=parked.assignee, snoozed_until=parked.snoozed_until, version=_C.version + 1)
            .returning(_C.version)
        )
        version: int | None = await self._session.scalar(noted)
        if version is None:
            raise Stale(kind_of_thing="command")
        return version

    async def operation(self, id_: UUID) -> Operation | None:
        query = select(command_operation).where(_O.operation_id == id_)
        row = (await self._session.execute(query)).one_or_none()
        return operation_of(row) if row else None

    async def operations(self, key: Key) -> list[Operation]:
        query = select(command_operation).where(_O.domain == key[0], _O.command_id == key[1])
        return [operation_of(row) for row in await self._session.execute(query.order_by(_O.at, _O.version))]

    async def add_operation(self, operation: Operation) -> bool:
        said = self._row(operation)
        added = insert(command_operation).values(said).on_conflict_do_nothing().returning(_O.operation_id)
        return await self._session.scalar(added) is not None

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        if operations:
            await self._session.execute(insert(command_operation), [self._row(each) for each in operations])

    def _row(self, operation: Operation) -> dict[str, Any]:
        (domain, id_), said = operation.key, {**vars(operation)}
        said |= {"operation_id": said.pop("id"), "domain": domain, "command_id": id_, "tenant_id": self._tenant}
        for name in ("key", "standing", "why"):  # what was made stands
            del said[name]
        return said


def newest(wanted: ParkedFilter, before: ParkedMark | None, limit: int) -> Select[Any]:
    query = select(command).where(fits(command, wanted))
    if before is not None:
        query = query.where(tuple_(_C.parked_at, _C.domain, _C.command_id) < tuple_(*before))
    return query.order_by(_C.parked_at.desc(), _C.domain.desc(), _C.command_id.desc()).limit(limit)


def largest(wanted: ParkedFilter, before: CauseMark | None, limit: int) -> Select[Any]:
    """Counted in the index; the rest is looked up for those of the page alone."""
    count = func.count()
    counted = (
        select(_C.error_fingerprint.label("fingerprint"), count.label("many"),
               func.min(_C.parked_at).label("first_at"), func.max(_C.parked_at).label("last_at"))
        .where(fits(command, wanted))
        .group_by(_C.error_fingerprint)
        .order_by(count.desc(), _C.error_fingerprint.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        counted = counted.having(tuple_(count, _C.error_fingerprint) < tuple_(*before))
    cause = counted.subquery("cause")
    latest, resolved = _latest(cause, wanted), _resolved(cause)
    return (
        select(cause, latest.c.type, latest.c.parked, latest.c.error, _policy(latest).label("policy"), resolved)
        .select_from(cause.join(latest, true()).outerjoin(resolved, true()))
        .order_by(cause.c.many.desc(), cause.c.fingerprint.desc())
    )


def _latest(cause: Subquery, wanted: ParkedFilter) -> FromClause:
    one = command.alias("one")
    query = select(one.c.type, one.c.parked, one.c.error)
    query = query.where(fits(one, wanted), one.c.error_fingerprint == cause.c.fingerprint)
    return query.order_by(one.c.parked_at.desc()).limit(1).lateral("latest")


def _policy(of: FromClause) -> ScalarSelect[Any]:
    """That of the latest version."""
    query = select(_T.policy).where(_T.type == of.c.type).order_by(_T.schema_version.desc()).limit(1)
    return query.correlate(of).scalar_subquery()


def _resolved(cause: Subquery) -> FromClause:
    resolving = sorted(each.value for each in RESOLVING)
    query = select(command_operation).where(_O.cause == cause.c.fingerprint, _O.act.in_(resolving))
    return query.order_by(_O.at.desc()).limit(1).lateral("resolved")


def fits(of: FromClause, wanted: ParkedFilter) -> ColumnElement[bool]:
    columns = of.c
    pairs = {
        "domain": wanted.domain,
        "type": wanted.type,
        "parked": wanted.kind,
        "error_fingerprint": wanted.cause,
        "assignee": wanted.assignee,
    }
    asked = [columns[name] == value for name, value in pairs.items() if value is not None]
    if wanted.snoozed is not None:
        sleeps = func.coalesce(columns.snoozed_until > func.now(), False)
        asked.append(sleeps if wanted.snoozed else not_(sleeps))
    return and_(columns.state == CommandState.PARKED.value, *asked)


def parked_of(row: Any) -> Parked:
    return Parked(record_of(row), row.parked_at, row.assignee, row.snoozed_until)


def _cause(row: Any) -> Cause:
    policy = row.policy or {}
    return Cause(
        row.fingerprint, row.many, row.first_at, row.last_at, row.type, ParkedKind(row.parked), row.error["code"],
        row.error["message"], policy.get("owner"), policy.get("runbook"),
        operation_of(row) if row.operation_id else None,
    )  # fmt: skip


def operation_of(row: Any) -> Operation:
    return Operation(
        row.operation_id, (row.domain, row.command_id), Act(row.act), row.actor, row.reason, row.digest,
        CommandState(row.state), row.epoch, row.version, row.at, row.cause, row.evidence,
        row.approval,
    )  # fmt: skip
