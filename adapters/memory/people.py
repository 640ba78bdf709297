"""The directory of one tenant, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Delegation, Rows
from domain.errors import AlreadyExists
from domain.people import Actor, Principal, Role


class MemoryPeople:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def actor(self, principal: UUID) -> Actor | None:
        found = self._rows.principals.get(principal)
        return found.actor if found else None

    async def principal(self, handle: str) -> Principal | None:
        return next((person for person in self._rows.principals.values() if person.handle == handle), None)

    async def by_ids(self, principals: Sequence[UUID]) -> list[Principal]:
        return [self._rows.principals[each] for each in dict.fromkeys(principals) if each in self._rows.principals]

    async def all(self) -> list[Principal]:
        return sorted(self._rows.principals.values(), key=lambda person: person.handle)

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
        self._rows.delegations.append(lent)
        return True

    async def delegated(self, giver: UUID, taker: UUID, at: datetime) -> bool:
        return any((d.giver, d.taker) == (giver, taker) and d.starts <= at < d.ends for d in self._rows.delegations)
