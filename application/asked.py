"""A question that is put to a vote, as the workflow that waits for its answer needs it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.approvals import ApprovalPolicy


@dataclass(frozen=True)
class Asked:
    approval: UUID
    digest: str
    authors: tuple[UUID, ...]
    policy: ApprovalPolicy
    title: str
    opened_at: datetime | None = None
