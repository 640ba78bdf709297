"""Gates of fiscal periods: what one scope of one entity allows in one period, and who may post past that."""

from domain.periods.exceptions import EXCEPTABLE, Grantee, PostingException
from domain.periods.gate import GateKey, PeriodGate, PeriodName
from domain.periods.posting import check, exception_counts, facts, refusal
from domain.periods.refusals import (
    AdjustmentForbidden,
    AdjustmentsOnly,
    BooksInUse,
    BooksMissing,
    CloserIsolation,
    GateNotHeld,
    NotAdjustable,
    PeriodClosed,
    PeriodLocked,
    PeriodPending,
    PostingIncomplete,
    RunTokenMissing,
    ScopeMissing,
    StaleEpoch,
    TenantNotBound,
    TransitionRefused,
    UnknownOperation,
)
from domain.periods.scope import CODE, Scope
from domain.periods.status import LateEntries, Operation, Posting, Status

__all__ = [
    "CODE",
    "EXCEPTABLE",
    "AdjustmentForbidden",
    "AdjustmentsOnly",
    "BooksInUse",
    "BooksMissing",
    "CloserIsolation",
    "GateKey",
    "GateNotHeld",
    "Grantee",
    "LateEntries",
    "NotAdjustable",
    "Operation",
    "PeriodClosed",
    "PeriodGate",
    "PeriodLocked",
    "PeriodName",
    "PeriodPending",
    "Posting",
    "PostingException",
    "PostingIncomplete",
    "RunTokenMissing",
    "Scope",
    "ScopeMissing",
    "StaleEpoch",
    "Status",
    "TenantNotBound",
    "TransitionRefused",
    "UnknownOperation",
    "check",
    "exception_counts",
    "facts",
    "refusal",
]
