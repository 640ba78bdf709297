"""Uploads and imports in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows, UploadRow, as_stored
from application.ports.imports import ImportRecord, Place, Progress, Upload


class MemoryUploads:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def open(self, upload: Upload) -> None:
        self._rows.uploads[upload.id] = UploadRow(upload)

    async def add(self, upload: UUID, number: int, piece: bytes) -> None:
        row = self._rows.uploads[upload]
        if number != len(row.pieces):
            raise LookupError(f"piece {number} does not follow")
        self._rows.uploads[upload] = replace(row, pieces=(*row.pieces, piece))

    async def close(self, upload: UUID, size: int, digest: str, expires_at: datetime) -> None:
        row = self._rows.uploads[upload]
        whole = replace(row.upload, size=size, digest=digest, expires_at=expires_at)
        self._rows.uploads[upload] = replace(row, upload=whole)

    async def get(self, upload: UUID) -> Upload | None:
        row = self._rows.uploads.get(upload)
        return row.upload if row else None

    async def keep(self, upload: UUID, until: datetime) -> None:
        row = self._rows.uploads[upload]
        later = max(row.upload.expires_at, until)
        self._rows.uploads[upload] = replace(row, upload=replace(row.upload, expires_at=later))

    async def pieces(self, upload: UUID) -> AsyncIterator[bytes]:
        row = self._rows.uploads.get(upload)
        for piece in row.pieces if row else ():
            yield piece

    async def all(self) -> list[Upload]:
        return sorted((row.upload for row in self._rows.uploads.values()), key=lambda each: each.created_at)

    async def drop(self, upload: UUID) -> None:
        self._rows.uploads.pop(upload, None)

    async def drop_expired(self, at: datetime) -> None:
        needed = {each.upload for each in self._rows.imports.values() if not each.state.ended}
        for each in await self.all():
            if each.expires_at < at and each.id not in needed:
                await self.drop(each.id)


class MemoryImports:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, record: ImportRecord) -> bool:
        if record.id in self._rows.imports:
            return False
        self._rows.imports[record.id] = _unshared(record)
        return True

    async def get(self, record: UUID, *, lock: bool = False) -> ImportRecord | None:
        del lock  # a transaction has the whole store to itself
        found = self._rows.imports.get(record)
        return _unshared(found) if found else None

    async def page(self, before: Place | None, limit: int) -> list[ImportRecord]:
        newest = sorted(self._rows.imports.values(), key=lambda each: (each.created_at, each.id), reverse=True)
        wanted = [each for each in newest if before is None or (each.created_at, each.id) < before]
        return [_unshared(each) for each in wanted[:limit]]

    async def save(self, record: ImportRecord) -> None:
        known = self._rows.imports[record.id]
        if known.state.ended:
            raise LookupError("an import that has ended does not change")
        self._rows.imports[record.id] = _unshared(replace(record, started=known.started))

    async def mark_started(self, record: UUID) -> None:
        self._rows.imports[record] = replace(self._rows.imports[record], started=True)

    async def report(self, record: UUID, progress: Progress) -> None:
        self._rows.progress[record] = progress

    async def progress(self, record: UUID) -> Progress | None:
        return self._rows.progress.get(record)


def _unshared(record: ImportRecord) -> ImportRecord:
    return replace(record, options=as_stored(record.options), outcome=as_stored(record.outcome))
