"""What this process has told of deployments, in numbers; counted without a lock, and read when somebody scrapes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

BOUNDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 72 * 3600.0)
"""Seconds: from a change at once to an approval that nobody gives."""


@dataclass
class Distribution:
    """How many lasted at most each bound, how many there were, and how long altogether."""

    heights: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    count: int = 0
    total: float = 0.0

    def take(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        for place, bound in enumerate(BOUNDS):
            self.heights[place] += seconds <= bound

    def buckets(self) -> list[tuple[str, float]]:
        return [*zip(map(str, BOUNDS), map(float, self.heights), strict=True), ("+Inf", float(self.count))]


@dataclass
class DeploymentTally:
    """`durations` are by how it ended and by part; `waits` by the level of the approval, from 1.

    `evidence` and `convergence` are of those that expose something now, by their ids.
    """

    states: Counter[str] = field(default_factory=Counter)
    durations: dict[tuple[str, str], Distribution] = field(default_factory=dict)
    waits: dict[int, Distribution] = field(default_factory=dict)
    rollbacks: Distribution = field(default_factory=Distribution)
    blind: float = 0.0
    evidence: dict[tuple[str, str], float] = field(default_factory=dict)
    convergence: dict[str, float] = field(default_factory=dict)
