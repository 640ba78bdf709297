"""How much of each type of command may be executed, and which dependencies are left alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from domain.commands.breakers import Breaker, BreakerOperation
from domain.commands.dependencies import Dependence
from domain.commands.limits import Bucket, Limit, LimitScope


class CommandLimits(Protocol):
    """Beside `Commands`, of one tenant, or of all where a limit says so."""

    async def take(self, limits: Sequence[Limit]) -> dict[str, Bucket]:
        """By type, locked until the transaction ends, and full where there was none; without what another holds now."""
        ...

    async def put(self, limits: Sequence[Limit], buckets: Mapping[str, Bucket]) -> None:
        """What is left in those that were taken."""
        ...

    async def leased(self, limits: Sequence[Limit]) -> dict[str, int]:
        """How many of each type are leased now, once its bucket was taken; nothing of a type of which none is."""
        ...

    async def apart(self) -> dict[str, int]:
        """How many are leased now for each receiver that types tell apart; nothing of one for which none is."""
        ...


class CommandBreakers(Protocol):
    """Beside `Commands`: those of one tenant, and those that are shared by all."""

    async def some(self, dependencies: Collection[str] | None = None) -> list[Breaker]:
        """Those that ever failed or were opened, or those of them with these names."""
        ...

    async def troubled(self) -> list[Breaker]:
        """The tenant's own that are not closed, or whose dependency did not answer just now."""
        ...

    async def depending(self) -> list[Dependence]:
        """On what types depend, the product's own too, by the word of their newest handlers; the same for all."""
        ...

    async def lock(self, dependency: str, scope: LimitScope) -> Breaker:
        """Until the transaction ends; a new one where there was none."""
        ...

    async def lock_free(self, dependency: str, scope: LimitScope) -> Breaker | None:
        """The same, or None where there is none or another holds it now."""
        ...

    async def save(self, breaker: Breaker) -> None:
        """What was locked."""
        ...

    async def operation(self, id_: UUID) -> BreakerOperation | None: ...
    async def add_operation(self, operation: BreakerOperation) -> bool:
        """False when there is one with its id."""
        ...
