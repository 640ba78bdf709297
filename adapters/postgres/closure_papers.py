"""Templates of closes, each version written once, and evidence with its bytes."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_closures import closure_evidence, closure_template
from application.ports.closures import ClosureTemplate
from domain.closures.evidence import Evidence
from domain.closures.templates import parse_template
from domain.errors import Stale

_T, _E = closure_template.c, closure_evidence.c
_FACTS = [each for each in closure_evidence.c if each.name != "content"]


class PostgresClosurePapers:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def template(self, code: str, version: int | None = None) -> ClosureTemplate | None:
        query = select(closure_template).where(_T.code == code).order_by(_T.version.desc()).limit(1)
        query = query if version is None else query.where(_T.version == version)
        row = (await self._session.execute(query)).one_or_none()
        return _template(row) if row else None

    async def templates(self, after: str, limit: int) -> list[ClosureTemplate]:
        query = (
            select(closure_template)
            .where(_T.code > after)
            .ext(distinct_on(_T.code))
            .order_by(_T.code, _T.version.desc())
        )
        return [_template(row) for row in await self._session.execute(query.limit(limit))]

    async def put_template(self, template: ClosureTemplate) -> None:
        new = template.template
        newest = await self._session.scalar(select(func.max(_T.version)).where(_T.code == new.code))
        if (newest or 0) != new.version - 1:
            raise Stale(version=newest or 0, expected=new.version - 1)
        row = {
            "tenant_id": self._tenant,
            "code": new.code,
            "version": new.version,
            "content": new.to_json(),
            "written_by": template.written_by,
            "written_at": template.written_at,
            "reason": template.reason,
        }
        await self._session.execute(insert(closure_template).values(**row))

    async def keep(self, evidence: Evidence, content: bytes) -> None:
        row = {
            "tenant_id": self._tenant,
            "evidence_id": evidence.id,
            "run_id": evidence.run,
            "task": evidence.task,
            "name": evidence.name,
            "media_type": evidence.media_type,
            "size": evidence.size,
            "sha256": evidence.sha256,
            "content": content,
            "basis": evidence.basis,
            "added_by": evidence.added_by,
            "added_at": evidence.added_at,
            "retained_until": evidence.retained_until,
        }
        await self._session.execute(insert(closure_evidence).values(**row))

    async def evidence(self, evidence: UUID) -> Evidence | None:
        row = (await self._session.execute(select(*_FACTS).where(_E.evidence_id == evidence))).one_or_none()
        return _evidence(row) if row else None

    async def content(self, evidence: UUID) -> bytes | None:
        found = await self._session.scalar(select(_E.content).where(_E.evidence_id == evidence))
        return None if found is None else bytes(found)

    async def evidence_of(self, run: UUID) -> list[Evidence]:
        query = select(*_FACTS).where(_E.run_id == run).order_by(_E.added_at, _E.evidence_id)
        return [_evidence(row) for row in await self._session.execute(query)]

    async def drop(self, evidence: UUID) -> None:
        await self._session.execute(delete(closure_evidence).where(_E.evidence_id == evidence))


def _template(row: Any) -> ClosureTemplate:
    return ClosureTemplate(parse_template(row.content), row.written_by, row.written_at, row.reason)


def _evidence(row: Any) -> Evidence:
    return Evidence(
        row.evidence_id, row.run_id, row.task, row.name, row.media_type, row.size, row.sha256, row.added_by,
        row.added_at, row.retained_until, row.basis,
    )  # fmt: skip
