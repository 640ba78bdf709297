"""Uploads in pieces of their own rows, and imports whose progress others see while one works."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_bundles import bundle_import, bundle_import_progress, upload, upload_piece
from application.ports.imports import ImportRecord, ImportState, Place, Progress, Upload


class PostgresUploads:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def open(self, new: Upload) -> None:
        row = {"upload_id": new.id, "owner": new.owner, "created_at": new.created_at, "expires_at": new.expires_at}
        await self._session.execute(insert(upload).values(tenant_id=self._tenant, **row))

    async def add(self, upload_id: UUID, number: int, piece: bytes) -> None:
        row = {"tenant_id": self._tenant, "upload_id": upload_id, "number": number, "content": piece}
        await self._session.execute(insert(upload_piece).values(**row))

    async def close(self, upload_id: UUID, size: int, digest: str, expires_at: datetime) -> None:
        whole = update(upload).where(upload.c.upload_id == upload_id)
        await self._session.execute(whole.values(bytes=size, digest=digest, expires_at=expires_at))

    async def get(self, upload_id: UUID) -> Upload | None:
        row = (await self._session.execute(select(upload).where(upload.c.upload_id == upload_id))).one_or_none()
        return _upload(row) if row else None

    async def keep(self, upload_id: UUID, until: datetime) -> None:
        later = func.greatest(upload.c.expires_at, until)
        await self._session.execute(update(upload).where(upload.c.upload_id == upload_id).values(expires_at=later))

    async def pieces(self, upload_id: UUID) -> AsyncIterator[bytes]:
        p = upload_piece.c
        query = select(p.content).where(p.upload_id == upload_id).order_by(p.number)
        async for piece in await self._session.stream_scalars(query.execution_options(yield_per=8)):
            yield bytes(piece)

    async def all(self) -> list[Upload]:
        rows = await self._session.execute(select(upload).order_by(upload.c.created_at))
        return [_upload(row) for row in rows]

    async def drop(self, upload_id: UUID) -> None:
        await self._session.execute(delete(upload_piece).where(upload_piece.c.upload_id == upload_id))
        await self._session.execute(delete(upload).where(upload.c.upload_id == upload_id))

    async def drop_expired(self, at: datetime) -> None:
        i = bundle_import.c
        needed = exists().where(i.upload_id == upload.c.upload_id, i.ended_at.is_(None))
        expired = select(upload.c.upload_id).where(upload.c.expires_at < at, ~needed).with_for_update(skip_locked=True)
        for upload_id in (await self._session.scalars(expired)).all():
            await self.drop(upload_id)


class PostgresImports:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, record: ImportRecord) -> bool:
        row = {
            "tenant_id": self._tenant,
            "import_id": record.id,
            "upload_id": record.upload,
            "environment": record.environment,
            "requester": record.requester,
            "options": record.options,
            "reason": record.reason,
            "state": record.state.value,
            "created_at": record.created_at,
        }
        added = upsert(bundle_import).values(**row).on_conflict_do_nothing().returning(bundle_import.c.import_id)
        return (await self._session.execute(added)).one_or_none() is not None

    async def get(self, record: UUID, *, lock: bool = False) -> ImportRecord | None:
        query = select(bundle_import).where(bundle_import.c.import_id == record)
        row = (await self._session.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
        return _record(row) if row else None

    async def page(self, before: Place | None, limit: int) -> list[ImportRecord]:
        i = bundle_import.c
        query = select(bundle_import).order_by(i.created_at.desc(), i.import_id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(i.created_at, i.import_id) < tuple_(*before))
        return [_record(row) for row in await self._session.execute(query)]

    async def save(self, record: ImportRecord) -> None:
        row = {
            "state": record.state.value,
            "change_id": record.change,
            "outcome": record.outcome,
            "ended_at": record.ended_at,
        }
        await self._session.execute(update(bundle_import).where(bundle_import.c.import_id == record.id).values(**row))

    async def mark_started(self, record: UUID) -> None:
        await self._session.execute(
            update(bundle_import).where(bundle_import.c.import_id == record).values(started=True)
        )

    async def report(self, record: UUID, progress: Progress) -> None:
        told = {"phase": progress.phase, "done": progress.done, "total": progress.total, "at": func.clock_timestamp()}
        place = {"tenant_id": self._tenant, "import_id": record}
        added = upsert(bundle_import_progress).values(**place, **told)
        await self._session.execute(added.on_conflict_do_update(index_elements=["tenant_id", "import_id"], set_=told))

    async def progress(self, record: UUID) -> Progress | None:
        query = select(bundle_import_progress).where(bundle_import_progress.c.import_id == record)
        row = (await self._session.execute(query)).one_or_none()
        return Progress(row.phase, row.done, row.total) if row else None


def _upload(row: Any) -> Upload:
    return Upload(row.upload_id, row.owner, row.created_at, row.expires_at, row.bytes, row.digest)


def _record(row: Any) -> ImportRecord:
    return ImportRecord(
        id=row.import_id,
        upload=row.upload_id,
        environment=row.environment,
        requester=row.requester,
        options=row.options,
        reason=row.reason,
        state=ImportState(row.state),
        created_at=row.created_at,
        change=row.change_id,
        outcome=row.outcome,
        started=row.started,
        ended_at=row.ended_at,
    )
