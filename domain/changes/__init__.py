"""A change set is immutable; its digest is what people approve."""

from domain.changes.change_set import ChangeSet, ChangeStatus, Content, Kind, Target
from domain.changes.difference import difference, merged, three_ways
from domain.changes.reach import EVERYWHERE, Reach
from domain.changes.refusals import (
    ApprovalRequired,
    BaseVersionConflict,
    ChangeNotDraft,
    DigestTampered,
    NothingChanges,
    NothingLeft,
    NotRebasable,
    NotSucceeded,
    TargetBusy,
    TouchedSince,
)
from domain.changes.reversal import Reversal
from domain.changes.tenant_choice import TenantChoice

__all__ = [
    "EVERYWHERE",
    "ApprovalRequired",
    "BaseVersionConflict",
    "ChangeNotDraft",
    "ChangeSet",
    "ChangeStatus",
    "Content",
    "DigestTampered",
    "Kind",
    "NotRebasable",
    "NotSucceeded",
    "NothingChanges",
    "NothingLeft",
    "Reach",
    "Reversal",
    "Target",
    "TargetBusy",
    "TenantChoice",
    "TouchedSince",
    "difference",
    "merged",
    "three_ways",
]
