"""Edits of parked commands, decisions that wait for another person, and what a command has carried, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Out
from api.schemas.parked_commands import DecisionIn, OperationOut, Why
from application.commands.editing import Draft
from application.commands.lineage import Epoch, Lineage, OperationView
from domain.canonical import Json
from domain.commands import name_of
from domain.commands.operations import Act, Decision
from domain.commands.patches import MOST
from domain.commands.repairs import Edit

Patch = Annotated[
    list[Json],
    Field(
        min_length=1, max_length=MOST, description="A JSON Patch (RFC 6902) of the payload.",
        examples=[[{"op": "replace", "path": "/account", "value": 1201}]],
    ),
]  # fmt: skip


class EditIn(DecisionIn):
    """With `dry_run` it is only said what would come of it."""

    patch: Patch
    dry_run: bool = False

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason, patch=self.patch)


class WithdrawalIn(In):
    reason: Why


class PayloadFaultOut(Out):
    path: str
    message: str


class EditPreviewOut(Out):
    """What would be executed: with `faults` the edit would be refused."""

    command: str
    version: int
    patch: list[Json]
    payload: Json
    before_digest: str
    after_digest: str
    faults: list[PayloadFaultOut]

    @classmethod
    def of(cls, command: str, version: int, patch: list[Json], draft: Draft) -> "EditPreviewOut":
        faults = [PayloadFaultOut(path=each.path, message=each.message) for each in draft.faults]
        return cls(
            command=command, version=version, patch=patch, payload=draft.payload, before_digest=draft.before,
            after_digest=draft.after, faults=faults,
        )  # fmt: skip


class OperationDetailOut(OperationOut):
    """`patch` is that of an edit and `result` that of a completion; who may not decide sees their shape."""

    patch: Json
    result: Json

    @classmethod
    def whole(cls, view: OperationView) -> "OperationDetailOut":
        return cls(**OperationOut.of(view.operation).model_dump(), patch=view.patch, result=view.result)


class OperationsOut(Out):
    """In the order in which they were asked for."""

    items: list[OperationDetailOut]

    @classmethod
    def of(cls, views: list[OperationView]) -> "OperationsOut":
        return cls(items=[OperationDetailOut.whole(each) for each in views])


class EditOut(Out):
    """`patch` made of what was executed from epoch `edited_from` on what is executed from here on."""

    operation_id: UUID
    edited_from: int
    patch: Json
    before_digest: str
    after_digest: str

    @classmethod
    def of(cls, edit: Edit) -> "EditOut":
        return cls(
            operation_id=edit.operation, edited_from=edit.edited_from, patch=edit.patch, before_digest=edit.before,
            after_digest=edit.after,
        )  # fmt: skip


class EpochOut(Out):
    """`begun_by` is null for the first, which its sender began. `edited_in` is the epoch whose edit it executes."""

    epoch: int
    begun_at: datetime | None
    begun_by: OperationOut | None
    payload_digest: str
    edited_in: int | None
    edit: EditOut | None

    @classmethod
    def of(cls, epoch: Epoch) -> "EpochOut":
        return cls(
            epoch=epoch.number, begun_at=epoch.begun_at, payload_digest=epoch.payload, edited_in=epoch.edited_in,
            begun_by=OperationOut.of(epoch.begun_by) if epoch.begun_by else None,
            edit=EditOut.of(epoch.edit) if epoch.edit else None,
        )  # fmt: skip


class LineageOut(Out):
    """What was sent stays: its digest is that of the first epoch."""

    command: str
    sender: UUID | None
    epochs: list[EpochOut]

    @classmethod
    def of(cls, lineage: Lineage) -> "LineageOut":
        epochs = [EpochOut.of(each) for each in lineage.epochs]
        return cls(command=name_of(lineage.record.key), sender=lineage.record.sender, epochs=epochs)
