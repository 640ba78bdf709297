"""How many commands were completed in each second, before, while and after something was done to who executes them."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

LONG: Final = os.environ.get("CHANGEGATE_CHAOS") == "long"
CALM: Final = 20 if LONG else 0
"""Seconds of work before and after, of which something is told."""
ENOUGH: Final = 0.95


@dataclass(frozen=True)
class Throughput:
    """`ends` are when each was completed, of work that was sent all the time."""

    ends: Iterable[datetime]
    begun: datetime
    over: datetime

    def __str__(self) -> str:
        counts = Counter(int((each - self.begun).total_seconds() // 1) for each in self.ends)
        whole = int((self.over - self.begun).total_seconds()) + 1
        before = self._median(counts, range(-CALM, 0))
        during = self._median(counts, range(whole))
        after = self._median(counts, range(whole, max(counts, default=0)))
        again = next(
            (each for each in range(whole - 1, max(counts, default=0)) if counts[each] >= ENOUGH * before), None
        )
        since = "never" if again is None else f"{again - whole + 1} s after it"
        return (
            f"{before:g} a second before; {during:g} ({_percent(during, before)}) during the {whole - 1} s;"
            f" {after:g} ({_percent(after, before)}) afterwards; {ENOUGH:.0%} again {since}"
        )

    def _median(self, counts: Counter[int], seconds: range) -> float:
        return float(median([counts[each] for each in seconds] or [0]))


def _percent(part: float, of: float) -> str:
    return f"{part / of:.0%}" if of else "-"
