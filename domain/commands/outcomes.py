"""What a handler says when it does not return, and where that leaves its command."""

import traceback
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.canonical import Json
from domain.commands.policies import TypePolicy
from domain.commands.record import CommandError, CommandRecord, signature
from domain.commands.states import ParkedKind

_FRAMES: Final = 3
"""Of a traceback, the innermost: they name the place where it went wrong."""


class HandlerKind(StrEnum):
    """Transactional: what it writes and that it was done are one transaction. External: it may be called again."""

    TRANSACTIONAL = "transactional"
    EXTERNAL = "external"


class HandlerFailure(Exception):
    """`code` is for programs, `message` and `details` are for the people who will look at the command."""

    def __init__(self, code: str, message: str = "", details: Json = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.details = details


class Transient(HandlerFailure):
    """It may go well another time."""


class RetryAfter(Transient):
    """It may go well after so many seconds, and not before."""

    def __init__(self, seconds: float, code: str = "retry-after", message: str = "", details: Json = None) -> None:
        super().__init__(code, message, details)
        self.seconds = seconds


class Permanent(HandlerFailure):
    """It goes wrong every time until a person has changed something."""


class PeriodShut(Permanent):
    """Its period does not take it as it stands now: that may be opened again, and then it may be retried."""


class BusinessRule(HandlerFailure):
    """It may not be done: that is the answer, and nobody needs to look."""


def settled(record: CommandRecord, raised: Exception, policy: TypePolicy, at: datetime) -> CommandRecord:
    """Where a running command stands after its handler raised this; what nobody declared may go well another time."""
    error = error_of(record, raised)
    if isinstance(raised, BusinessRule):
        return record.failed(error, at)
    if isinstance(raised, Permanent):
        shut = isinstance(raised, PeriodShut)
        return record.parked_as(ParkedKind.PERIOD_CLOSED if shut else ParkedKind.PERMANENT, error)
    if record.attempt >= policy.attempts(record.command.options.max_attempts):
        return record.parked_as(ParkedKind.EXHAUSTED, error)
    asked = timedelta(seconds=raised.seconds) if isinstance(raised, RetryAfter) else policy.rest(record.attempt)
    waits = record.waiting(at + asked, error)
    return waits.promoted() if policy.promotes(record.attempt, asked) else waits


def error_of(record: CommandRecord, raised: Exception) -> CommandError:
    """Of an undeclared exception its class and its place: its text may hold what was in the payload."""
    kind, code, message, details = "transient", type(raised).__name__, "", None
    if isinstance(raised, HandlerFailure):
        code, message, details = raised.code, raised.message, raised.details
        if isinstance(raised, Permanent | BusinessRule):
            kind = _kind(raised)
    places = [] if isinstance(raised, HandlerFailure) else _places(raised)
    if places:
        details = {"raised_at": places}
    return CommandError(kind, code, message, details, signature(record.command.type, code, places))


def _kind(raised: Permanent | BusinessRule) -> str:
    if isinstance(raised, BusinessRule):
        return "business-rule"
    return "period-closed" if isinstance(raised, PeriodShut) else "permanent"


def _places(raised: Exception) -> list[str]:
    """Function and module of the innermost frames, without line numbers: these change with every release."""
    frames = [frame for frame, _ in traceback.walk_tb(raised.__traceback__)][-_FRAMES:]
    return [f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}" for frame in reversed(frames)]
