"""Bulk operations on parked commands on the wire: which, in which stages, and how far it has come."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.common import In, Out
from api.schemas.parked_commands import ParkedOut, Why
from application.bulks.asking import BulkWish
from application.bulks.looking import BulkView
from application.ports.bulks import BulkPreview
from application.ports.parked import ParkedFilter
from domain.commands import CommandState, ParkedKind, name_of
from domain.commands.bulk import (
    LONGEST_SETTLING,
    TOGETHER,
    Bulk,
    BulkDecision,
    BulkItem,
    BulkState,
    ItemOutcome,
    Pace,
    StageEnd,
)
from domain.commands.bulk_stages import MOST_STAGES
from domain.commands.operations import Act
from domain.commands.shape import DOMAIN, TYPE

_USUAL = Pace()
StageText = Annotated[str, StringConstraints(max_length=6), Field(examples=["10%"])]


class FilterIn(In):
    """As in the list of parked commands; at least one field says which."""

    domain: Annotated[str, Field(pattern=f"^{DOMAIN}$")] | None = None
    type: Annotated[str, Field(pattern=f"^{TYPE}$")] | None = None
    kind: ParkedKind | None = None
    fingerprint: Annotated[str, Field(max_length=200)] | None = None
    assignee: UUID | None = None
    snoozed: bool | None = None

    def filter(self) -> ParkedFilter:
        return ParkedFilter(self.domain, self.type, self.kind, self.fingerprint, self.assignee, self.snoozed)


class GateIn(In):
    """After a stage, `settle_seconds` at most; then at most `max_failed_percent` may have failed again."""

    max_failed_percent: Annotated[float, Field(ge=0, le=99, allow_inf_nan=False)] = 100 * _USUAL.most_failed
    settle_seconds: Annotated[int, Field(strict=True, ge=1, le=int(LONGEST_SETTLING.total_seconds()))] = (
        _USUAL.settle_seconds
    )


class CommandBulkIn(In):
    """`operation_id` is the asker's own: asked again under it, it is the same operation.

    `stages` are numbers, shares as 10%, and at last the rest; only what is retried goes in stages.
    """

    operation_id: UUID
    act: Literal["retry", "cancel"]
    filter: FilterIn
    reason: Why
    stages: Annotated[tuple[StageText, ...], Field(min_length=1, max_length=MOST_STAGES)] | None = None
    gate: GateIn = Field(default_factory=GateIn)
    per_second: Annotated[int, Field(strict=True, ge=1, le=TOGETHER)] = _USUAL.per_second
    dry_run: bool = False

    def wish(self) -> BulkWish:
        pace = Pace(self.per_second, self.gate.settle_seconds, self.gate.max_failed_percent / 100)
        wanted = self.filter.model_dump(mode="json")
        decision = BulkDecision(Act(self.act), self.reason, wanted, self.stages, pace)
        return BulkWish(self.operation_id, decision, self.filter.filter())


class BulkActIn(In):
    """`operation_id` is the asker's own: asked again under it, it is the same act."""

    operation_id: UUID
    reason: Why


class StageOut(Out):
    """How a stage ended: `proved` where so many went well that it is evidence of health."""

    stage: int
    retried: int
    failed: int
    passed: bool
    proved: bool
    sentence: str
    at: datetime

    @classmethod
    def of(cls, end: StageEnd) -> "StageOut":
        return cls(stage=end.stage, retried=end.retried, failed=end.failed, at=end.at, **vars(end.verdict))


class BulkOut(Out):
    """`sizes` are how many commands each stage reaches, `stage` counts from 1, `ended` tells how each one ended.

    `version` counts its states; `approval` is what it waits, or waited, for.
    """

    id: UUID
    act: Act
    filter: dict[str, object]
    reason: str
    asked_at: datetime
    state: BulkState
    why: str
    total: int
    stage: int
    sizes: list[int]
    ended: list[StageOut]
    settles_until: datetime | None
    per_second: int
    settle_seconds: int
    max_failed_percent: float
    approval: UUID | None
    version: int

    @classmethod
    def of(cls, bulk: Bulk) -> "BulkOut":
        return cls(**_told(bulk))


class BulkDetailOut(BulkOut):
    """`outcomes` counts its commands by what has become of them; `requester` is a handle."""

    outcomes: dict[ItemOutcome, int]
    requester: str

    @classmethod
    def whole(cls, view: BulkView) -> "BulkDetailOut":
        outcomes = {each: view.outcomes.get(each, 0) for each in ItemOutcome}
        return cls(**_told(view.bulk), outcomes=outcomes, requester=view.requester)


class BulkAskedOut(Out):
    """What it is about, and the operation, unless it was only tried: then nothing was written.

    `sample` holds the first of them, in the order in which they would go, where it was only tried.
    """

    total: int
    types: dict[str, int]
    sample: list[ParkedOut]
    operation: BulkOut | None

    @classmethod
    def tried(cls, seen: BulkPreview) -> "BulkAskedOut":
        return cls(
            total=seen.total, types=seen.types, sample=[ParkedOut.of(each) for each in seen.sample], operation=None
        )

    @classmethod
    def asked(cls, bulk: Bulk) -> "BulkAskedOut":
        return cls(total=bulk.total, types={}, sample=[], operation=BulkOut.of(bulk))


class BulkPage(Out):
    items: list[BulkOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Bulk], str | None]) -> "BulkPage":
        return cls(items=[BulkOut.of(each) for each in page[0]], next_cursor=page[1])


class BulkItemOut(Out):
    """`outcome` is what this operation did, `state` where the command stands now; `why` says why it was left alone,
    or the code of its error.
    """

    place: int
    command: str
    outcome: ItemOutcome
    stage: int | None
    epoch: int | None
    why: str
    state: CommandState | None

    @classmethod
    def of(cls, item: BulkItem) -> "BulkItemOut":
        stage = None if item.stage is None else item.stage + 1
        return cls(
            place=item.place, command=name_of(item.key), outcome=item.outcome, stage=stage, epoch=item.epoch,
            why=item.why, state=item.state,
        )  # fmt: skip


class BulkItemPage(Out):
    items: list[BulkItemOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[BulkItem], str | None]) -> "BulkItemPage":
        return cls(items=[BulkItemOut.of(each) for each in page[0]], next_cursor=page[1])


def _told(bulk: Bulk) -> dict[str, Any]:
    return {
        **{name: getattr(bulk, name) for name in ("id", "act", "reason", "asked_at", "state", "why", "total")},
        "filter": bulk.wanted,
        "stage": bulk.place,
        "sizes": list(bulk.sizes),
        "ended": [StageOut.of(each) for each in bulk.ended],
        "settles_until": bulk.settles_until,
        "per_second": bulk.pace.per_second,
        "settle_seconds": bulk.pace.settle_seconds,
        "max_failed_percent": round(100 * bulk.pace.most_failed, 6),
        "approval": bulk.approval,
        "version": bulk.version,
    }
