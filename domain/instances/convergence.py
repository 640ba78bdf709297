"""A change has converged as far as the live instances that it concerns hold it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Convergence:
    """How many are live where something was changed, and how many of these hold it."""

    live: int
    holding: int

    @property
    def share(self) -> float:
        """From 0 to 1; whole where there is nobody to wait for."""
        return self.holding / self.live if self.live else 1.0

    def with_more(self, other: "Convergence") -> "Convergence":
        return Convergence(self.live + other.live, self.holding + other.holding)
