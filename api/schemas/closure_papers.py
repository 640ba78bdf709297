"""What a close is made by and proven with, on the wire: templates of tasks, and evidence."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.closures.templates import TemplateView
from domain.closures import Evidence

TASK: Object = {
    "key": "bank",
    "name": "Reconcile the bank",
    "kind": "reconciliation",
    "owner": "pia",
    "reviewer": "rob",
    "after": ["cut-off"],
    "effort_hours": "2.5",
    "due_offset_days": 2,
    "needs_evidence": True,
}


class TemplateIn(In):
    """Tasks name those before them; a circle is a fault. Owners and reviewers are handles or ids of people."""

    tasks: Annotated[list[Object], Field(max_length=200, examples=[[TASK]])]
    reason: Reason


class TemplateOut(Out):
    """Owners and reviewers are ids; `handles` says whose."""

    code: str
    version: int
    tasks: list[Object]
    written_by: UUID
    written_at: datetime
    reason: str
    handles: dict[UUID, str]

    @classmethod
    def of(cls, found: TemplateView) -> "TemplateOut":
        kept, told = found.stored, found.stored.template.to_json()
        return cls(
            **told, written_by=kept.written_by, written_at=kept.written_at, reason=kept.reason, handles=found.handles
        )


class TemplatePage(Out):
    items: list[TemplateOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[TemplateView], str | None]) -> "TemplatePage":
        return cls(items=[TemplateOut.of(each) for each in page[0]], next_cursor=page[1])


class EvidenceOut(Out):
    """`sha256` is that of the bytes, which are kept at least until `retained_until`."""

    id: UUID
    closure: UUID
    task: str
    name: str
    media_type: str
    size: int
    sha256: str
    added_by: UUID
    added_at: datetime
    retained_until: datetime

    @classmethod
    def of(cls, found: Evidence) -> "EvidenceOut":
        facts = {name: value for name, value in vars(found).items() if name not in {"run", "basis"}}
        return cls(**facts, closure=found.run)
