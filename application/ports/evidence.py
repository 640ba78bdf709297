"""What rollouts are judged by: what applications report, and what each check saw and said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import Check, TelemetryBatch
from domain.environments import Environment
from domain.gates import Counts, MetricQuery, Reading


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

    async def reading(self, query: MetricQuery, at: datetime) -> Reading: ...

    async def counted(
        self, environment: Environment, key: str, variant: str | None, at: Sequence[datetime]
    ) -> list[Counts | None]:
        """Cumulative counts at each of the rising instants, of all variants when none is named; None where none is."""
        ...
