"""Principals, their roles of now, and delegations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import delegation, principal
from adapters.postgres.tables_approvals import people_group
from application.ports.records import Delegation
from domain.people import Actor, Principal, PrincipalKind, Role


class PostgresPeople:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def actor(self, principal: UUID) -> Actor | None:
        found = await self.by_ids([principal])
        return found[0].actor if found else None

    async def principal(self, handle: str) -> Principal | None:
        row = (await self._session.execute(_people().where(principal.c.handle == handle))).one_or_none()
        return _principal(row) if row else None

    async def by_ids(self, principals: Sequence[UUID]) -> list[Principal]:
        rows = await self._session.execute(_people().where(principal.c.principal_id.in_(principals)))
        return [_principal(row) for row in rows]

    async def all(self) -> list[Principal]:
        rows = await self._session.execute(_people().order_by(principal.c.handle))
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
            .on_conflict_do_update(
                index_elements=["tenant_id", "giver", "taker", "starts", "ends"],
                set_={"revoked_at": None},
                where=delegation.c.revoked_at.is_not(None),
            )
        )
        return (await self._session.execute(lent.returning(delegation.c.taker))).one_or_none() is not None

    async def delegated(self, giver: UUID, taker: UUID, at: datetime) -> bool:
        d = delegation.c
        lent = (d.giver == giver, d.taker == taker, d.starts <= at, d.ends > at, d.revoked_at.is_(None))
        return bool(await self._session.scalar(select(exists().where(*lent))))

    async def delegations(self) -> list[Delegation]:
        d = delegation.c
        rows = await self._session.execute(select(delegation).order_by(d.ends.desc(), d.starts, d.giver, d.taker))
        return [Delegation(row.giver, row.taker, row.starts, row.ends, row.revoked_at) for row in rows]

    async def revoke(self, lent: Delegation) -> None:
        d = delegation.c
        this = (d.giver == lent.giver, d.taker == lent.taker, d.starts == lent.starts, d.ends == lent.ends)
        await self._session.execute(
            update(delegation).where(*this, d.revoked_at.is_(None)).values(revoked_at=func.clock_timestamp())
        )


def _people() -> Select[Any]:
    """With the groups that each is in now."""
    member = principal.c.principal_id == func.any(people_group.c.members)
    groups = select(func.coalesce(func.array_agg(people_group.c.name), [])).where(member).scalar_subquery()
    return select(principal, groups.label("groups"))


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
        groups=frozenset(row.groups),
    )
