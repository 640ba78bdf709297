"""A dependency that does not answer is left alone, asked once in a while, and used again when it answers."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import digest_of
from domain.commands.limits import LimitScope
from domain.commands.operations import LEAST_REASON, MOST_REASON
from domain.errors import Conflict, Fault

LONGEST_REST: Final = timedelta(minutes=10)
NAME: Final = r"[a-z][a-z0-9-]{0,39}"


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Passage(StrEnum):
    """What may be leased of those that depend on it: all, one to see whether it answers, or nothing."""

    ALL = "all"
    PROBE = "probe"
    NOTHING = "nothing"


class BreakerAct(StrEnum):
    OPEN = "open"
    CLOSE = "close"


class WrongBreakerState(Conflict):
    """The breaker stands there already."""

    kind = "wrong-breaker-state"


@dataclass(frozen=True)
class Patience:
    """So many failures one after the other open it; so long it rests at first."""

    failures: int
    rest: timedelta


@dataclass(frozen=True)
class Breaker:
    """`until` is when a probe may go, or while one is out, when that counts as lost; None: a person closes it.

    `rests` counts probes that failed one after the other. `reason` and `by` are of the person who opened it. What moves
    it makes a new `version`; a failure that is only counted does not.
    """

    dependency: str
    scope: LimitScope = LimitScope.TENANT
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    rests: int = 0
    until: datetime | None = None
    since: datetime | None = None
    reason: str | None = None
    by: UUID | None = None
    version: int = 0

    @property
    def held(self) -> bool:
        """By a person, until a person closes it."""
        return self.state is BreakerState.OPEN and self.until is None

    @property
    def calm(self) -> bool:
        """An answer would change nothing."""
        return self.state is BreakerState.CLOSED and not self.failures

    def passage(self, now: datetime) -> Passage:
        if self.state is BreakerState.CLOSED:
            return Passage.ALL
        return Passage.PROBE if self.until is not None and self.until <= now else Passage.NOTHING

    def heard(self, now: datetime, patience: Patience, *, answered: bool) -> "Breaker":
        """After one execution; what began before it was opened and ends while it is open changes nothing."""
        if self.state is BreakerState.OPEN:
            return self
        if answered:
            return (
                replace(self, failures=0)
                if self.state is BreakerState.CLOSED
                else self._moved(BreakerState.CLOSED, now)
            )
        if self.state is BreakerState.HALF_OPEN:
            return self._resting(now, patience, self.failures + 1, self.rests + 1)
        failures = self.failures + 1
        return (
            replace(self, failures=failures) if failures < patience.failures else self._resting(now, patience, failures)
        )

    def probing(self, now: datetime, lasts: timedelta) -> "Breaker":
        """One is on its way; if nothing is heard of it for so long, another may go."""
        moved = self._moved(BreakerState.HALF_OPEN, now)
        return replace(moved, failures=self.failures, rests=self.rests, until=now + lasts)

    def opened(self, person: UUID, reason: str, now: datetime) -> "Breaker":
        if self.held:
            raise WrongBreakerState(dependency=self.dependency, state=self.state.value)
        return replace(self._moved(BreakerState.OPEN, now), reason=reason, by=person)

    def closed(self, now: datetime) -> "Breaker":
        if self.state is BreakerState.CLOSED:
            raise WrongBreakerState(dependency=self.dependency, state=self.state.value)
        return self._moved(BreakerState.CLOSED, now)

    def _resting(self, now: datetime, patience: Patience, failures: int, rests: int = 0) -> "Breaker":
        rest = min(LONGEST_REST, patience.rest * 2 ** min(rests, 20))
        return replace(self._moved(BreakerState.OPEN, now), failures=failures, rests=rests, until=now + rest)

    def _moved(self, to: BreakerState, now: datetime) -> "Breaker":
        """With everything else as at first."""
        return Breaker(self.dependency, self.scope, to, since=now, version=self.version + 1)


@dataclass(frozen=True)
class BreakerOperation:
    """What a person did, once under this id; `state` and `version` are those of the breaker afterwards."""

    id: UUID
    dependency: str
    act: BreakerAct
    actor: UUID
    reason: str
    digest: str
    state: BreakerState
    version: int
    at: datetime


def act_digest(actor: UUID, dependency: str, act: BreakerAct, reason: str) -> str:
    """The same for the same act of one person."""
    return digest_of({"actor": str(actor), "dependency": dependency, "act": act.value, "reason": reason})


def reason_faults(reason: str) -> list[Fault]:
    if LEAST_REASON <= len(reason.strip()) <= MOST_REASON:
        return []
    return [Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why")]
