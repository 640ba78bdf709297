"""What the guard of postings raises, as refusals: each has a SQLSTATE of its own, and its facts as a JSON object."""

from typing import Any

import orjson

from domain.calendars import NoPeriod
from domain.errors import Fault, Refusal
from domain.fences import EpochUnknown, RemoteModuleMissing
from domain.periods import (
    AdjustmentForbidden,
    AdjustmentsOnly,
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
    UnknownOperation,
)

_BY_STATE: dict[str, type[Refusal]] = {
    "FP001": PeriodClosed,
    "FP002": PeriodLocked,
    "FP003": PeriodPending,
    "FP004": AdjustmentsOnly,
    "FP005": NotAdjustable,
    "FP006": AdjustmentForbidden,
    "FP007": RunTokenMissing,
    "FP008": NoPeriod,
    "FP009": BooksMissing,
    "FP010": ScopeMissing,
    "FP012": TenantNotBound,
    "FP013": StaleEpoch,
    "FP030": EpochUnknown,
    "FP031": RemoteModuleMissing,
}
DEFECTS: dict[str, type[RuntimeError]] = {"FP020": CloserIsolation, "FP021": GateNotHeld}
"""What is a mistake of ours and no refusal."""


def posting_refusal(state: str, detail: str | None) -> Refusal | None:
    """None for every state that is not one of the guard's."""
    facts: dict[str, Any] = orjson.loads(detail or "{}") if state.startswith("FP0") else {}
    if state == "FP011":
        return UnknownOperation([Fault("/operation", "transaction, adjustment, closing or reporting")])
    if state == "FP014":
        return PostingIncomplete(Fault(f"/{name}", "expected") for name in facts["missing"])
    return _BY_STATE[state](**facts) if state in _BY_STATE else None
