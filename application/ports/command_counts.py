"""How many commands stand where, over all tenants, for whoever looks at the workers."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CommandCount:
    """Of one domain, what is not over by its state. `lag` is how many seconds the first has been due."""

    domain: str
    states: dict[str, int]
    leases: int = 0
    lag: float = 0.0


class CommandCounts(Protocol):
    """What is left to do, over all tenants."""

    async def command_counts(self, domains: Collection[str]) -> list[CommandCount]:
        """By domain; those of which nothing is left are not among them."""
        ...
