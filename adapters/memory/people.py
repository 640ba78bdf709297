"""The directory of one tenant, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows, Tick
from application.ports.records import Delegation
from domain.errors import AlreadyExists
from domain.people import Actor, Principal, Role


class MemoryPeople:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def actor(self, principal: UUID) -> Actor | None:
        found = await self.by_ids([principal])
        return found[0].actor if found else None

    async def principal(self, handle: str) -> Principal | None:
        return next((person for person in await self.all() if person.handle == handle), None)

    async def by_ids(self, principals: Sequence[UUID]) -> list[Principal]:
        known = self._rows.principals
        return [self._grouped(known[each]) for each in dict.fromkeys(principals) if each in known]

    async def all(self) -> list[Principal]:
        people = sorted(self._rows.principals.values(), key=lambda person: person.handle)
        return [self._grouped(person) for person in people]

    async def admit(self, principal: Principal) -> None:
        for known in self._rows.principals.values():
            same_login = (known.issuer, known.subject) == (principal.issuer, principal.subject)
            if same_login or known.id == principal.id or known.handle == principal.handle:
                raise AlreadyExists
        self._rows.principals[principal.id] = principal

    async def set_roles(self, principal: UUID, roles: frozenset[Role]) -> None:
        known = self._rows.principals.get(principal)
        if known is not None:
            self._rows.principals[principal] = replace(known, roles=roles)

    async def delegate(self, giver: UUID, taker: UUID, starts: datetime, ends: datetime) -> bool:
        if giver == taker or starts >= ends:
            raise ValueError("a delegation has two people and some duration")
        lent = Delegation(giver, taker, starts, ends)
        if lent in self._rows.delegations:
            return False
        self._rows.delegations[:] = [each for each in self._rows.delegations if each.id != lent.id]
        self._rows.delegations.append(lent)
        return True

    async def delegated(self, giver: UUID, taker: UUID, at: datetime) -> bool:
        return any((d.giver, d.taker) == (giver, taker) and d.holds(at) for d in self._rows.delegations)

    async def delegations(self) -> list[Delegation]:
        first = sorted(self._rows.delegations, key=lambda d: (d.starts, d.giver, d.taker))
        return sorted(first, key=lambda d: d.ends, reverse=True)

    async def revoke(self, lent: Delegation) -> None:
        self._rows.delegations[:] = [
            replace(each, revoked_at=self._tick()) if each.id == lent.id and each.revoked_at is None else each
            for each in self._rows.delegations
        ]

    def _grouped(self, person: Principal) -> Principal:
        groups = frozenset(group.name for group in self._rows.groups.values() if person.id in group.members)
        return replace(person, groups=groups)
