"""How much of a type may be executed: so many a second, from a bucket of tokens, and so many at once."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import floor

_WHOLE = 1e-6
"""A token that lacks no more than this is whole: parts of it were added."""


class LimitScope(StrEnum):
    """Counted for each tenant, or over all of them."""

    TENANT = "tenant"
    EVERYWHERE = "everywhere"


@dataclass(frozen=True)
class Limit:
    """Of one type; what is None is not limited. `burst` is what may be begun together after a rest."""

    type: str
    scope: LimitScope = LimitScope.TENANT
    per_second: float | None = None
    burst: int = 1
    at_once: int | None = None

    def full(self, at: datetime) -> "Bucket":
        return Bucket(float(self.burst), at)

    def room(self, bucket: "Bucket", leased: int) -> int | None:
        """How many may be leased now, while so many are; None: as many as there are."""
        rooms = []
        if self.per_second is not None:
            rooms.append(floor(bucket.tokens + _WHOLE))
        if self.at_once is not None:
            rooms.append(self.at_once - leased)
        return max(0, min(rooms)) if rooms else None


@dataclass(frozen=True)
class Bucket:
    """The tokens that were in it at an instant; each command that is leased takes one."""

    tokens: float
    at: datetime

    def filled(self, limit: Limit, now: datetime) -> "Bucket":
        """Never over the brim, and never back in time: clocks of two transactions may cross."""
        seconds = max(0.0, (now - self.at).total_seconds())
        return Bucket(min(float(limit.burst), self.tokens + seconds * (limit.per_second or 0)), max(now, self.at))

    def spent(self, commands: int) -> "Bucket":
        return Bucket(max(0.0, self.tokens - commands), self.at)


@dataclass(frozen=True)
class Room:
    """Of a type at most so many; of all whose `probes` are the same, only the first.

    Where `apart` is said its commands go to receivers of that dependency: of each at most `each`, unless there is less.
    """

    most: int | None = None
    probes: str | None = None
    apart: str | None = None
    each: int | None = None

    def within(self, most: int) -> "Room":
        return replace(self, most=most if self.most is None else min(self.most, most))
