"""How fast this process executes the commands of each domain, and what waits there, told every few seconds."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from application.ports.command_counts import CommandCount, CommandCounts
from application.rounds import again_and_again

WATCHED_SECONDS: Final = 5.0
UNWATCHED_SECONDS: Final = 30.0
"""Between two looks at the database, with and without somebody at a terminal."""


@dataclass
class Pace:
    """What this process executed, by domain and by where it led, and what was found at the last look."""

    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: dict[str, CommandCount] = field(default_factory=dict)

    def add(self, domain: str, states: Mapping[str, int]) -> None:
        self.ended.update({(domain, state): count for state, count in states.items()})

    def total(self, domain: str) -> int:
        return sum(count for (each, _), count in self.ended.items() if each == domain)


@dataclass(frozen=True)
class Look:
    """One domain: executions a second of this process since the last look, and what all workers have before them."""

    per_second: float
    count: CommandCount

    @property
    def words(self) -> str:
        states, count = self.count.states, self.count
        waits = states.get("pending", 0)
        return (
            f"{count.domain}: {self.per_second:.1f}/s, {states.get('running', 0)} running in {count.leases} leases,"
            f" {waits} pending for {count.lag:.1f} s, {states.get('retry-wait', 0)} in retry-wait,"
            f" {states.get('parked', 0)} parked"
        )


class Pacing:
    """`tell` is told what has changed since it was told last; `clock` gives seconds."""

    def __init__(
        self,
        counts: CommandCounts,
        pace: Pace,
        domains: Collection[str],
        tell: Callable[[Look], None],
        clock: Callable[[], float],
    ) -> None:
        self._counts = counts
        self._pace = pace
        self._domains = sorted(domains)
        self._tell = tell
        self._clock = clock
        self._looked = clock()
        self._totals: dict[str, int] = {}
        self._told: dict[str, str] = {}

    async def run(self, pause: float) -> None:
        """Until cancelled."""
        await again_and_again("command-pace", self.look, pause)

    async def look(self) -> None:
        found = {each.domain: each for each in await self._counts.command_counts(self._domains)}
        self._pace.found = found
        now, before = self._clock(), self._looked
        self._looked = now
        for domain in self._domains:
            total = self._pace.total(domain)
            done, self._totals[domain] = total - self._totals.get(domain, 0), total
            look = Look(done / max(now - before, 0.001), found.get(domain, CommandCount(domain, {})))
            if self._told.get(domain, Look(0, CommandCount(domain, {})).words) != look.words:
                self._tell(look)
            self._told[domain] = look.words
