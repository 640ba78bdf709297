"""What a gate lets in is its status, and while it is open its posting rule."""

from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    LOCKED = "locked"


class Posting(StrEnum):
    """Only an open gate lets anything in: of one that is not, it is `NONE`."""

    ALL = "all"
    ADJUST_ONLY = "adjust_only"
    NONE = "none"


class Operation(StrEnum):
    """What somebody is about to do in a period."""

    TRANSACTION = "transaction"
    ADJUSTMENT = "adjustment"
    CLOSING = "closing"
    REPORTING = "reporting"


class LateEntries(StrEnum):
    """What becomes of an entry whose day is in a period that takes it no more."""

    REJECT = "reject"
    SWEEP = "sweep"
    EXCEPTION = "exception"
