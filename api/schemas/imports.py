"""Imports of uploads on the wire."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import Field

from api.schemas.bundles import Wanted
from api.schemas.common import Object, Out
from application.ports.imports import ImportRecord, ImportState, Progress
from application.settings.imports import ImportWish
from domain.environments import Environment


class ImportIn(Wanted):
    upload: UUID

    def wish(self) -> ImportWish:
        return ImportWish(**self.model_dump())


class ProgressOut(Out):
    """`done` of `total` items of the phase; what is done counts once the import has ended."""

    phase: str
    done: int
    total: int

    @classmethod
    def of(cls, progress: Progress) -> Self:
        return cls(phase=progress.phase, done=progress.done, total=progress.total)


class ImportStateOut(Out):
    """`outcome` has counts and first steps, or the refusal with its faults; null while nothing is known yet."""

    id: UUID
    upload: UUID
    environment: Environment
    requester: UUID
    reason: str
    options: Object
    state: ImportState
    change: UUID | None = Field(description="What waits for approval, or did.")
    outcome: Any
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, found: ImportRecord) -> Self:
        return cls(
            id=found.id, upload=found.upload, environment=found.environment, requester=found.requester,
            reason=found.reason, options=found.options, state=found.state, change=found.change, outcome=found.outcome,
            created_at=found.created_at, ended_at=found.ended_at,
        )  # fmt: skip


class ImportDetailOut(ImportStateOut):
    progress: ProgressOut

    @classmethod
    def whole(cls, found: ImportRecord, progress: Progress) -> Self:
        told = ImportStateOut.of(found)
        return cls(**dict(told), progress=ProgressOut.of(progress))


class ImportPage(Out):
    items: list[ImportStateOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ImportRecord], str | None]) -> Self:
        return cls(items=[ImportStateOut.of(each) for each in page[0]], next_cursor=page[1])
