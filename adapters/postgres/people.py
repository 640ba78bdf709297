"""Principals, their roles of now, and delegations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import delegation, principal
from domain.people import Actor, Principal, PrincipalKind, Role


class PostgresPeople:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def actor(self, principal: UUID) -> Actor | None:
        found = await self.by_ids([principal])
        return found[0].actor if found else None

    async def principal(self, handle: str) -> Principal | None:
        row = (await self._session.execute(select(principal).where(principal.c.handle == handle))).one_or_none()
        return _principal(row) if row else None

    async def by_ids(self, principals: Sequence[UUID]) -> list[Principal]:
        rows = await self._session.execute(select(principal).where(principal.c.principal_id.in_(principals)))
        return [_principal(row) for row in rows]

    async def all(self) -> list[Principal]:
        rows = await self._session.execute(select(principal).order_by(principal.c.handle))
        return [_principal(row) for row in rows]

    async def admit(self, person: Principal) -> None:
        await self._session.execute(
            insert(principal).values(
                tenant_id=self._tenant,
                principal_id=person.id,
                issuer=person.issuer,
                subject=person.subject,
                handle=person.handle,
                kind=person.kind.value,
                email=person.email,
                roles=_names(person.roles),
            )
        )

    async def set_roles(self, person: UUID, roles: frozenset[Role]) -> None:
        await self._session.execute(
            update(principal).where(principal.c.principal_id == person).values(roles=_names(roles))
        )

    async def delegate(self, giver: UUID, taker: UUID, starts: datetime, ends: datetime) -> bool:
        lent = (
            upsert(delegation)
            .values(tenant_id=self._tenant, giver=giver, taker=taker, starts=starts, ends=ends)
            .on_conflict_do_nothing()
        )
        return (await self._session.execute(lent.returning(delegation.c.taker))).one_or_none() is not None

    async def delegated(self, giver: UUID, taker: UUID, at: datetime) -> bool:
        d = delegation.c
        question = exists().where(d.giver == giver, d.taker == taker, d.starts <= at, d.ends > at)
        return bool(await self._session.scalar(select(question)))


def _names(roles: frozenset[Role]) -> list[str]:
    return sorted(role.value for role in roles)


def _principal(row: Any) -> Principal:
    return Principal(
        tenant=row.tenant_id,
        id=row.principal_id,
        issuer=row.issuer,
        subject=row.subject,
        handle=row.handle,
        kind=PrincipalKind(row.kind),
        email=row.email,
        roles=frozenset(Role(name) for name in row.roles),
    )
