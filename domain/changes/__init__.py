"""A change set is immutable; its digest is what people approve."""

from domain.changes.change_set import ChangeSet, ChangeStatus, Content, Kind, Target
from domain.changes.difference import difference, merged
from domain.changes.reach import EVERYWHERE, Reach
from domain.changes.refusals import (
    ApprovalRequired,
    BaseVersionConflict,
    ChangeNotDraft,
    DigestTampered,
    NothingChanges,
    NotRebasable,
    TargetBusy,
)

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
    "NothingChanges",
    "Reach",
    "Target",
    "TargetBusy",
    "difference",
    "merged",
]
