"""What is too large for one request comes as a stream, is kept in pieces for a day, and counts for nothing itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from application.ports.imports import Upload
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.errors import Conflict, Missing, TooMany, Unavailable
from domain.people import Actor, Permission
from domain.settings import read_bundle_text

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_UPLOADS: Final = 20
PIECE_BYTES: Final = 512 * 1024
OPEN_FOR: Final = timedelta(hours=1)
KEPT_FOR: Final = timedelta(days=1)


class TooManyUploads(TooMany):
    """Too many uploads are kept for this tenant; each goes a day after it came, or when its import has ended."""

    kind = "too-many-uploads"


class UploadIncomplete(Conflict):
    """This upload broke off before its end; send it again."""

    kind = "upload-incomplete"


class Uploads:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, actor: Actor, new: UUID, stream: AsyncIterator[bytes]) -> Upload:
        """All of the stream, in pieces of their own transactions: a slow sender holds none open."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            await tx.uploads.drop_expired(tx.now)
            if len(await tx.uploads.all()) >= MOST_UPLOADS:
                raise TooManyUploads(most=MOST_UPLOADS, retry_after=3600)
            await tx.uploads.open(Upload(new, actor.id, tx.now, tx.now + OPEN_FOR))
        try:
            size, digest = await self._pieces(actor, new, stream)
        except BaseException:
            with suppress(Unavailable):
                async with self._store.transaction(actor.tenant) as tx:
                    await tx.uploads.drop(new)
            raise
        async with self._store.transaction(actor.tenant) as tx:
            await tx.uploads.close(new, size, digest, tx.now + KEPT_FOR)
            await record(tx, Action.UPLOAD_TAKEN, ("upload", new), actor=actor, after={"bytes": size, "digest": digest})
            return await whole(tx, new)

    async def _pieces(self, actor: Actor, upload: UUID, stream: AsyncIterator[bytes]) -> tuple[int, str]:
        digest, size, number, waiting = hashlib.sha256(), 0, 0, bytearray()
        async for some in stream:
            waiting += some
            while len(waiting) >= PIECE_BYTES:
                piece = bytes(waiting[:PIECE_BYTES])
                del waiting[:PIECE_BYTES]
                await self._keep(actor, upload, number, piece)
                digest.update(piece)
                size, number = size + len(piece), number + 1
        if waiting:
            await self._keep(actor, upload, number, bytes(waiting))
            digest.update(waiting)
        return size + len(waiting), "sha256:" + digest.hexdigest()

    async def _keep(self, actor: Actor, upload: UUID, number: int, piece: bytes) -> None:
        async with self._store.transaction(actor.tenant) as tx:
            await tx.uploads.add(upload, number, piece)


async def whole(tx: Transaction, upload: UUID) -> Upload:
    """Missing, or UploadIncomplete."""
    found = await tx.uploads.get(upload)
    if found is None or found.expires_at < tx.now:
        raise Missing(kind_of_thing="upload", id=str(upload))
    if found.size is None:
        raise UploadIncomplete(id=str(upload))
    return found


async def said_in(tx: Transaction, upload: UUID) -> Json:
    """The JSON that was uploaded; NotJson where it is none."""
    await whole(tx, upload)
    text = b"".join([piece async for piece in tx.uploads.pieces(upload)])
    return await asyncio.to_thread(read_bundle_text, text)
