"""An upload is imported by a process of its own, which people watch, and may cancel until it has taken effect."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from application.ports.imports import ImportRecord, ImportState, Place, Progress
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.uploads import whole
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Conflict, Missing, Unavailable
from domain.people import Actor, Permission

KEPT_FOR: Final = timedelta(days=7)
WAITING: Final = "waiting"

log = structlog.get_logger()


class ImportEnded(Conflict):
    """This import has ended."""

    kind = "import-ended"


class ImportSubmitted(Conflict):
    """This import waits for approval as a change: withdraw the change instead."""

    kind = "import-submitted"


@dataclass(frozen=True)
class ImportWish:
    """What of an upload is to be imported where, and how; the fields are those of an import by one request."""

    upload: UUID
    environment: Environment
    reason: str
    dry_run: bool = False
    prune: bool = False
    overwrite: bool = True
    from_tenant: str | None = None
    sync: bool = False

    @property
    def options(self) -> dict[str, Json]:
        return {
            "dry_run": self.dry_run,
            "prune": self.prune,
            "overwrite": self.overwrite,
            "from_tenant": self.from_tenant,
            "sync": self.sync,
        }


class Imports:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def request(self, actor: Actor, new: UUID, wish: ImportWish) -> ImportRecord:
        """Missing or UploadIncomplete where there is nothing to import; asked again it is the same import."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.imports.get(new)
            if known is None:
                await self._add(tx, actor, new, wish)
            found = await existing_import(tx, new)
        if not found.started:
            await self._start(actor, found)
        return found

    async def get(self, actor: Actor, record_id: UUID) -> tuple[ImportRecord, Progress]:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await existing_import(tx, record_id)
            return found, await tx.imports.progress(record_id) or Progress(WAITING)

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[ImportRecord]:
        """Newest first."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.imports.page(before, limit)

    async def cancel(self, actor: Actor, record_id: UUID, reason: str) -> ImportRecord:
        """Nothing of it takes effect; one that is being applied right now is waited for."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.imports.get(record_id, lock=True) or await existing_import(tx, record_id)
            if found.state is ImportState.CANCELLED:
                return found
            if found.state.ended:
                raise ImportEnded(state=found.state.value)
            if found.change is not None:
                raise ImportSubmitted(change=str(found.change))
            ended = replace(found, state=ImportState.CANCELLED, ended_at=tx.now)
            await tx.imports.save(ended)
            await record(tx, Action.IMPORT_CANCELLED, ("import", record_id), actor=actor, reason=reason)
            return ended

    async def _add(self, tx: Transaction, actor: Actor, new: UUID, wish: ImportWish) -> None:
        upload = await whole(tx, wish.upload)
        await tx.uploads.keep(upload.id, tx.now + KEPT_FOR)
        asked = ImportRecord(
            new, upload.id, wish.environment, actor.id, wish.options, wish.reason, ImportState.RUNNING, tx.now
        )
        if await tx.imports.add(asked):
            await tx.imports.report(new, Progress(WAITING))
            await record(
                tx, Action.IMPORT_REQUESTED, ("import", new), actor=actor, reason=wish.reason,
                after={"environment": wish.environment.value, "digest": upload.digest, **wish.options},
            )  # fmt: skip

    async def _start(self, actor: Actor, found: ImportRecord) -> None:
        try:
            await self._processes.start_import(actor.tenant, found, actor.handle)
        except Unavailable:
            log.warning("import.start_delayed", id=str(found.id))
            return
        async with self._store.transaction(actor.tenant) as tx:
            await tx.imports.mark_started(found.id)


async def existing_import(tx: Transaction, record_id: UUID) -> ImportRecord:
    found = await tx.imports.get(record_id)
    if found is None:
        raise Missing(kind_of_thing="import", id=str(record_id))
    return found


async def start_waiting_import(store: Store, processes: Processes, tenant: UUID, record_id: UUID) -> None:
    """Start what was committed and never reached Temporal."""
    async with store.transaction(tenant) as tx:
        found = await existing_import(tx, record_id)
        requester = await tx.people.actor(found.requester)
    await processes.start_import(tenant, found, requester.handle if requester else "")
    async with store.transaction(tenant) as tx:
        await tx.imports.mark_started(record_id)
