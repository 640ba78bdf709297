"""What rollouts are judged by: what applications report, and what each check saw and said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import Check, TelemetryBatch
from domain.environments import Environment
from domain.gates import Counts


class Evidence(Protocol):
    """What each check saw and said; written once."""

    async def add(self, check: Check) -> None: ...
    async def get(self, rollout: UUID, number: int) -> Check | None: ...
    async def latest(self, rollout: UUID) -> Check | None: ...
    async def all(self, rollout: UUID) -> list[Check]: ...


class Telemetry(Protocol):
    """Counts and latencies that applications report themselves."""

    async def add(self, batch: TelemetryBatch) -> bool:
        """False when this batch was taken before."""
        ...

    async def counted(
        self, environment: Environment, key: str, variant: str, at: Sequence[datetime]
    ) -> list[Counts | None]:
        """Cumulative counts at each of the rising instants; None where none is."""
        ...

    async def counted_below(
        self, tenants: Sequence[UUID], environment: Environment, key: str, at: Sequence[datetime]
    ) -> dict[UUID, list[Counts | None]]:
        """The same of all variants together, at each tenant that counted; who is not here or below did not."""
        ...
