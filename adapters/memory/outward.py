"""Destinations, approval systems and tickets in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import Rows, Tick, TicketRow
from application.ports.outward import (
    LEASE,
    ApprovalSystem,
    Destination,
    Errand,
    Heard,
    Ticket,
)
from domain.errors import AlreadyExists


class MemoryOutward:
    def __init__(self, rows: Rows, now: datetime, tick: Tick) -> None:
        self._rows = rows
        self._now = now
        self._tick = tick

    async def destination(self, name: str, *, lock: bool = False) -> Destination | None:
        del lock
        return self._rows.destinations.get(name)

    async def destinations(self) -> list[Destination]:
        return sorted(self._rows.destinations.values(), key=lambda each: each.name)

    async def put_destination(self, wanted: Destination) -> None:
        if wanted.version == 1 and wanted.name in self._rows.destinations:
            raise AlreadyExists
        self._rows.destinations[wanted.name] = wanted

    async def remove_destination(self, name: str) -> None:
        self._rows.destinations.pop(name, None)

    async def told(self, name: str, error: str | None) -> None:
        found = self._rows.destinations.get(name)
        if found is not None:
            since = None if error is None else found.failing_since or self._tick()
            ended = replace(found, failing_since=since, last_error=error[:500] if error else None)
            self._rows.destinations[name] = ended

    async def system(self, name: str, *, lock: bool = False) -> ApprovalSystem | None:
        del lock
        return self._rows.approval_systems.get(name)

    async def systems(self) -> list[ApprovalSystem]:
        return sorted(self._rows.approval_systems.values(), key=lambda each: each.name)

    async def put_system(self, wanted: ApprovalSystem) -> None:
        if wanted.version == 1 and wanted.name in self._rows.approval_systems:
            raise AlreadyExists
        self._rows.approval_systems[wanted.name] = wanted

    async def remove_system(self, name: str) -> None:
        self._rows.approval_systems.pop(name, None)

    async def open_ticket(self, ticket: Ticket) -> None:
        self._rows.tickets.setdefault(ticket.id, TicketRow(replace(ticket, created_at=self._now), self._now))

    async def ticket(self, ticket: UUID, *, lock: bool = False) -> Ticket | None:
        del lock
        row = self._rows.tickets.get(ticket)
        return row.ticket if row else None

    async def tickets_of(self, approval: UUID) -> list[Ticket]:
        found = [row.ticket for row in self._rows.tickets.values() if row.ticket.approval == approval]
        return sorted(found, key=lambda each: (each.level, each.id))

    async def claim_ticket(self, ticket: UUID, claim: UUID) -> Ticket | None:
        row, now = self._rows.tickets.get(ticket), self._tick()
        if row is None or row.ticket.state.ended or row.not_before > now:
            return None
        taken = replace(row.ticket, claim=claim, attempts=row.ticket.attempts + 1)
        self._rows.tickets[ticket] = TicketRow(taken, now + LEASE)
        return taken

    async def look_again(self, approval: UUID) -> None:
        for each in await self.tickets_of(approval):
            if not each.state.ended and each.claim is None:
                due = replace(each, attempts=min(each.attempts, 1))
                self._rows.tickets[each.id] = TicketRow(due, self._tick())

    async def save_ticket(self, ticket: Ticket, pause: timedelta = timedelta()) -> None:
        now = self._tick()
        kept = replace(ticket, claim=None, ended_at=now if ticket.state.ended else None)
        self._rows.tickets[ticket.id] = TicketRow(kept, now + pause)

    async def heard(self, system: str, message: str) -> Heard | None:
        return self._rows.heard.get((system, message))

    async def hear(self, message: Heard) -> bool:
        return self._rows.heard.setdefault((message.system, message.message), message) is message


def errands_of(tenant: UUID, rows: Rows, now: datetime) -> list[Errand]:
    """What is due to leave."""
    return [
        Errand(tenant, row.ticket.id, f"{tenant}//{row.ticket.system}")
        for row in rows.tickets.values()
        if not row.ticket.state.ended and row.not_before <= now
    ]
