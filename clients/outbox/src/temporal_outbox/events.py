"""What a relay tells while it runs, for metrics and logs; a hook tells them apart by their type."""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True)
class Leased:
    """`count` messages of one lane."""

    lane: Hashable
    count: int


@dataclass(frozen=True)
class Delayed:
    """PostgreSQL or Temporal does not answer; the next look comes after `pause` seconds."""

    error: Exception
    pause: float


@dataclass(frozen=True)
class LaneFailed:
    """By a defect, which holds no other lane up."""

    lane: Hashable
    error: Exception


@dataclass(frozen=True)
class Deaf:
    """Nobody tells of what is added until the relay listens again; meanwhile it looks by itself."""

    error: Exception


@dataclass(frozen=True)
class Passed:
    """Temporal has it, `seconds` after it was added; not `fresh` when Temporal had it before."""

    key: str
    seconds: float
    fresh: bool


@dataclass(frozen=True)
class Postponed:
    """Temporal had no answer to this one alone; it is tried again after `pause` seconds."""

    key: str
    attempt: int
    reason: str
    pause: float


@dataclass(frozen=True)
class SetAside:
    """It stays until somebody tries it again or removes it."""

    key: str
    reason: str


Event: TypeAlias = Leased | Delayed | LaneFailed | Deaf | Passed | Postponed | SetAside
Tell: TypeAlias = Callable[[Event], None]

_LOG: Final = logging.getLogger("temporal_outbox")


def logged(event: Event) -> None:
    """What nobody has asked to hear otherwise: trouble, and nothing of what went well."""
    match event:
        case Delayed() | Postponed() | Deaf():
            _LOG.warning("%s", event)
        case SetAside():
            _LOG.error("%s", event)
        case LaneFailed():
            _LOG.error("lane %s failed", event.lane, exc_info=event.error)
