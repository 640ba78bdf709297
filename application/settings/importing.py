"""An import is carried out step by step; each may be done again, and what takes effect does so in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from application.ports.imports import ImportRecord, ImportState, Progress
from application.ports.store import Store, Transaction
from application.settings.import_outcomes import settled, summary, told_of
from application.settings.imports import ImportEnded, existing_import
from application.settings.stored import contents
from application.settings.transfer import Imported, Intake, SettingTransfer
from application.settings.uploads import said_in
from domain.canonical import Json
from domain.errors import Conflict, Refusal, Unavailable
from domain.people import Actor
from domain.rollouts import TERMINAL, State
from domain.settings import Op, compared_contents

Reached = Callable[[Progress], None]


class RequesterGone(Conflict):
    """Who asked for this import is no longer here."""

    kind = "requester-gone"


class NotWhole(Conflict):
    """What was written is not what the bundle says, so nothing was."""

    kind = "import-not-whole"


@dataclass(frozen=True)
class Stand:
    """Where an import stands after a step."""

    state: ImportState
    change: UUID | None = None

    @classmethod
    def of(cls, found: ImportRecord) -> "Stand":
        return cls(found.state, found.change)


class Importing:
    """Every step returns where the import stands: a step of one that has ended, or waits for approval, does nothing.

    Unavailable alone is raised: the step is to be tried again.
    """

    def __init__(self, store: Store, transfer: SettingTransfer) -> None:
        self._store = store
        self._transfer = transfer

    async def validate(self, tenant: UUID, import_id: UUID, reached: Reached) -> Stand:
        """The bundle by itself: text, form, checksum, signature, tenant."""

        async def check(actor: Actor, found: ImportRecord) -> None:
            raw = await self._raw(tenant, found)
            reached(Progress("validating", 0, _items(raw)))
            await self._transfer.read(actor, raw, found.options["from_tenant"])
            reached(Progress("validating", _items(raw), _items(raw)))

        return await self._step(tenant, import_id, check)

    async def plan(self, tenant: UUID, import_id: UUID, reached: Reached) -> Stand:
        """What would be done, against everything that is stored; the end of a dry run, and of what is equal."""

        async def plan(actor: Actor, found: ImportRecord) -> None:
            raw = await self._raw(tenant, found)
            reached(Progress("planning", 0, _items(raw)))
            told = await self._transfer.import_(actor, replace(_intake(found, raw), dry_run=True))
            reached(Progress("planning", _items(raw), _items(raw)))
            state = ImportState.RUNNING
            if found.options["dry_run"]:
                state = ImportState.UNCHANGED if told.outcome == "no_changes" else ImportState.PLANNED
            async with self._store.transaction(tenant) as tx:
                await settled(tx, import_id, state, summary(told))

        return await self._step(tenant, import_id, plan)

    async def apply(self, tenant: UUID, import_id: UUID, reached: Reached) -> Stand:
        """All of it, looked at once more before it is committed; or a change, where policy asks for approval."""

        async def apply(actor: Actor, found: ImportRecord) -> None:
            intake = _intake(found, await self._raw(tenant, found))
            told = await self._transfer.import_(actor, intake, _Carried(found, reached))
            if told.submitted is not None:
                async with self._store.transaction(tenant) as tx:
                    change = told.submitted.change.id
                    await settled(tx, import_id, ImportState.AWAITING_APPROVAL, summary(told), change)

        return await self._step(tenant, import_id, apply)

    async def standing(self, tenant: UUID, import_id: UUID) -> Stand:
        """Of an import that waits for approval: as its change stands."""
        async with self._store.transaction(tenant) as tx:
            found = await existing_import(tx, import_id)
            rollout = await tx.rollouts.get(found.change) if found.change else None
            if rollout is None or rollout.state not in TERMINAL or found.state.ended:
                return Stand.of(found)
            applied = rollout.state is State.SUCCEEDED
            state = ImportState.APPLIED if applied else ImportState.REJECTED
            outcome = {**(found.outcome or {}), "rollout": {"state": rollout.state.value, "cause": rollout.cause}}
            return Stand.of(await settled(tx, import_id, state, outcome, found.change))

    async def give_up(self, tenant: UUID, import_id: UUID, cause: str) -> Stand:
        """It was stopped from outside, or a step could not be done however often it was tried."""
        state = ImportState.CANCELLED if cause == "cancelled" else ImportState.FAILED
        async with self._store.transaction(tenant) as tx:
            return Stand.of(await settled(tx, import_id, state, {"refusal": {"kind": cause}}))

    async def finish(self, tenant: UUID, import_id: UUID) -> Stand:
        """What was uploaded is needed no more, unless it was only tried."""
        async with self._store.transaction(tenant) as tx:
            found = await existing_import(tx, import_id)
            if found.state in {ImportState.APPLIED, ImportState.UNCHANGED}:
                await tx.uploads.drop(found.upload)
            progress = await tx.imports.progress(import_id) or Progress("")
            await tx.imports.report(import_id, Progress("ended", progress.done, progress.total))
            return Stand.of(found)

    async def report(self, tenant: UUID, import_id: UUID, progress: Progress) -> None:
        """For whoever watches; that it cannot be written stops nothing."""
        async with self._store.transaction(tenant) as tx:
            await tx.imports.report(import_id, progress)

    async def _raw(self, tenant: UUID, found: ImportRecord) -> Json:
        async with self._store.transaction(tenant) as tx:
            return await said_in(tx, found.upload)

    async def _step(
        self, tenant: UUID, import_id: UUID, work: Callable[[Actor, ImportRecord], Awaitable[None]]
    ) -> Stand:
        async with self._store.transaction(tenant) as tx:
            found = await existing_import(tx, import_id)
            actor = await tx.people.actor(found.requester)
        if found.state is not ImportState.RUNNING:
            return Stand.of(found)
        try:
            if actor is None:
                raise RequesterGone
            await work(replace(actor, request=import_id), found)
        except (Unavailable, ImportEnded) as refusal:
            if isinstance(refusal, Unavailable):
                raise
        except Refusal as refusal:
            async with self._store.transaction(tenant) as tx:
                return Stand.of(await settled(tx, import_id, ImportState.FAILED, {"refusal": told_of(refusal)}))
        async with self._store.transaction(tenant) as tx:
            return Stand.of(await existing_import(tx, import_id))


class _Carried:
    """The import as the errand of its row: whoever has the row applies it, and it says so in the same transaction."""

    def __init__(self, found: ImportRecord, reached: Reached) -> None:
        self._found = found
        self._reached = reached

    async def begun(self, tx: Transaction) -> None:
        present = await tx.imports.get(self._found.id, lock=True)
        if present is None or present.state.ended:
            raise ImportEnded

    async def told(self, tx: Transaction, imported: Imported) -> None:
        """Looks once more: what is stored now is what the bundle says, or nothing of it is."""
        if imported.outcome == "applied":
            self._reached(Progress("verifying", 0, 1))
            await _check_whole(tx, self._found, imported)
            self._reached(Progress("verifying", 1, 1))
        state = ImportState.APPLIED if imported.outcome == "applied" else ImportState.UNCHANGED
        await settled(tx, self._found.id, state, summary(imported))

    def reached(self, done: int, total: int) -> None:
        self._reached(Progress("applying", done, total))


async def _check_whole(tx: Transaction, found: ImportRecord, imported: Imported) -> None:
    stored = await contents(tx, found.environment, await tx.settings.lock(found.environment))
    options = {name: found.options[name] for name in ("prune", "overwrite")}
    left = compared_contents(imported.wanted, stored, **options)
    if not left.is_empty:
        raise NotWhole(values=len(left.having(Op.ADDED, Op.CHANGED, Op.REMOVED)))


def _intake(found: ImportRecord, raw: Json) -> Intake:
    return Intake(found.environment, raw, found.reason, **found.options)


def _items(raw: Json) -> int:
    sections = [raw.get(name) for name in ("definitions", "flags", "values")] if isinstance(raw, dict) else []
    return sum(len(each) for each in sections if isinstance(each, list))
