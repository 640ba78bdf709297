"""Destinations, approval systems, and tickets that one worker at a time holds on lease."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_external import approval_system, approval_ticket, destination, ticket_answer
from application.ports.outward import (
    LEASE,
    ApprovalSystem,
    Destination,
    DestinationKind,
    Heard,
    Ticket,
    TicketState,
)
from domain.approvals import Answer
from domain.environments import Environment

_WAITING = [TicketState.DUE.value, TicketState.OPEN.value]


class PostgresOutward:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def destination(self, name: str, *, lock: bool = False) -> Destination | None:
        row = await self._named(destination, name, lock=lock)
        return _destination(row) if row else None

    async def destinations(self) -> list[Destination]:
        rows = await self._session.execute(select(destination).order_by(destination.c.name))
        return [_destination(row) for row in rows]

    async def put_destination(self, wanted: Destination) -> None:
        row = {
            "version": wanted.version,
            "kind": wanted.kind.value,
            "sealed": wanted.sealed,
            "shown": wanted.shown,
            "events": list(wanted.events),
            "environments": [each.value for each in wanted.environments],
            "enabled": wanted.enabled,
            "owner": wanted.owner,
            "request": wanted.request,
            "written_at": wanted.written_at,
            "failing_since": wanted.failing_since,
            "last_error": wanted.last_error,
        }
        await self._put(destination, wanted.name, wanted.version, row)

    async def remove_destination(self, name: str) -> None:
        await self._session.execute(delete(destination).where(destination.c.name == name))

    async def told(self, name: str, error: str | None) -> None:
        d = destination.c
        changed = update(destination).where(d.name == name)
        if error is None:
            changed = changed.where(d.failing_since.is_not(None)).values(failing_since=None, last_error=None)
        else:
            since = func.coalesce(d.failing_since, func.clock_timestamp())
            changed = changed.values(failing_since=since, last_error=error[:500])
        await self._session.execute(changed)

    async def system(self, name: str, *, lock: bool = False) -> ApprovalSystem | None:
        row = await self._named(approval_system, name, lock=lock)
        return _system(row) if row else None

    async def systems(self) -> list[ApprovalSystem]:
        rows = await self._session.execute(select(approval_system).order_by(approval_system.c.name))
        return [_system(row) for row in rows]

    async def put_system(self, wanted: ApprovalSystem) -> None:
        row = {
            "version": wanted.version,
            "url": wanted.url,
            "mapping": wanted.mapping,
            "sealed": wanted.sealed,
            "owner": wanted.owner,
            "request": wanted.request,
            "written_at": wanted.written_at,
        }
        first = {"principal": wanted.principal} if wanted.version == 1 else {}
        await self._put(approval_system, wanted.name, wanted.version, {**row, **first})

    async def remove_system(self, name: str) -> None:
        await self._session.execute(delete(approval_system).where(approval_system.c.name == name))

    async def open_ticket(self, ticket: Ticket) -> None:
        await self._session.execute(
            upsert(approval_ticket)
            .values(
                tenant_id=self._tenant,
                ticket_id=ticket.id,
                approval_id=ticket.approval,
                level=ticket.level,
                system=ticket.system,
                digest=ticket.digest,
            )
            .on_conflict_do_nothing()
        )

    async def ticket(self, ticket: UUID, *, lock: bool = False) -> Ticket | None:
        query = select(approval_ticket).where(approval_ticket.c.ticket_id == ticket)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _ticket(row) if row else None

    async def tickets_of(self, approval: UUID) -> list[Ticket]:
        t = approval_ticket.c
        query = select(approval_ticket).where(t.approval_id == approval).order_by(t.level, t.ticket_id)
        return [_ticket(row) for row in await self._session.execute(query)]

    async def claim_ticket(self, ticket: UUID, claim: UUID) -> Ticket | None:
        t, now = approval_ticket.c, func.clock_timestamp()
        query = select(t.ticket_id).where(t.ticket_id == ticket, t.state.in_(_WAITING), t.not_before <= now)
        if (await self._session.execute(query.with_for_update(skip_locked=True))).one_or_none() is None:
            return None
        taken = update(approval_ticket).where(t.ticket_id == ticket)
        taken = taken.values(claim=claim, not_before=now + LEASE, attempts=t.attempts + 1)
        return _ticket((await self._session.execute(taken.returning(approval_ticket))).one())

    async def look_again(self, approval: UUID) -> None:
        t = approval_ticket.c
        waiting = update(approval_ticket).where(t.approval_id == approval, t.state.in_(_WAITING), t.claim.is_(None))
        due = waiting.values(not_before=func.clock_timestamp(), attempts=func.least(t.attempts, 1))
        await self._session.execute(due)

    async def save_ticket(self, ticket: Ticket, pause: timedelta = timedelta()) -> None:
        now = func.clock_timestamp()
        await self._session.execute(
            update(approval_ticket)
            .where(approval_ticket.c.ticket_id == ticket.id)
            .values(
                state=ticket.state.value,
                external_key=ticket.key,
                answer=ticket.answer.value if ticket.answer else None,
                attempts=ticket.attempts,
                not_before=now + pause,
                claim=None,
                last_error=ticket.last_error,
                ended_at=now if ticket.state.ended else None,
            )
        )

    async def heard(self, system: str, message: str) -> Heard | None:
        a = ticket_answer.c
        query = select(ticket_answer).where(a.system == system, a.message == message)
        row = (await self._session.execute(query)).one_or_none()
        return Heard(row.system, row.message, row.ticket_id, Answer(row.answer)) if row else None

    async def hear(self, message: Heard) -> bool:
        row = {"system": message.system, "message": message.message, "ticket_id": message.ticket}
        taken = upsert(ticket_answer).values(tenant_id=self._tenant, **row, answer=message.answer.value)
        taken = taken.on_conflict_do_nothing()
        return (await self._session.execute(taken.returning(ticket_answer.c.message))).one_or_none() is not None

    async def _named(self, table: Table, name: str, *, lock: bool) -> Any:
        query = select(table).where(table.c.name == name)
        return (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()

    async def _put(self, table: Table, name: str, version: int, row: dict[str, Any]) -> None:
        if version == 1:
            await self._session.execute(insert(table).values(tenant_id=self._tenant, name=name, **row))
        else:
            await self._session.execute(update(table).where(table.c.name == name).values(**row))


def _destination(row: Any) -> Destination:
    return Destination(
        name=row.name,
        version=row.version,
        kind=DestinationKind(row.kind),
        sealed=row.sealed,
        shown=row.shown,
        events=tuple(row.events),
        environments=tuple(map(Environment, row.environments)),
        enabled=row.enabled,
        owner=row.owner,
        written_at=row.written_at,
        request=row.request,
        failing_since=row.failing_since,
        last_error=row.last_error,
    )


def _system(row: Any) -> ApprovalSystem:
    return ApprovalSystem(
        row.name, row.version, row.url, row.mapping, row.sealed, row.principal, row.owner, row.written_at, row.request
    )


def _ticket(row: Any) -> Ticket:
    return Ticket(
        id=row.ticket_id,
        approval=row.approval_id,
        level=row.level,
        system=row.system,
        digest=row.digest,
        created_at=row.created_at,
        state=TicketState(row.state),
        key=row.external_key,
        answer=Answer(row.answer) if row.answer else None,
        attempts=row.attempts,
        claim=row.claim,
        last_error=row.last_error,
        ended_at=row.ended_at,
    )
