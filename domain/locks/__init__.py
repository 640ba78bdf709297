"""Who may write what, and when: locks on targets, the queue before them, freezes, and windows for changes."""

from domain.locks.freezes import (
    LONGEST,
    Cover,
    Freeze,
    FreezeKind,
    Frozen,
    Reach,
    WhileRunning,
    check_term,
    freeze_json,
    standing_over,
)
from domain.locks.places import Claim, Place, places_of, rivals_of
from domain.locks.queue import DEPTH, NotApproved, NothingToSupersede, QueueFull
from domain.locks.windows import SATURDAY, Calendar, Span, Window, parse_window

__all__ = [
    "DEPTH",
    "LONGEST",
    "SATURDAY",
    "Calendar",
    "Claim",
    "Cover",
    "Freeze",
    "FreezeKind",
    "Frozen",
    "NotApproved",
    "NothingToSupersede",
    "Place",
    "QueueFull",
    "Reach",
    "Span",
    "WhileRunning",
    "Window",
    "check_term",
    "freeze_json",
    "parse_window",
    "places_of",
    "rivals_of",
    "standing_over",
]
