"""Whoever counts beyond our door is read before a check waits too long; what keeps it from telling is no exception."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from adapters.metrics.answers import Unanswered
from application.ports.metrics import edges
from domain.gates import CohortQuery, CohortReading, MetricQuery, Observation, ProviderError, Reading

READ_S: Final = 45.0
_Read = TypeVar("_Read")


class Provider(ABC):
    """A metric source; those who derive from it may raise Unanswered where they read."""

    async def read(self, query: MetricQuery, at: datetime) -> Observation:
        return await _within(self._arms(query, at))

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        return await _within(self._cohort(query, at))

    async def past(
        self, query: MetricQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[Reading] | ProviderError:
        return await _within(self._past(query, edges(until, step, windows)))

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        return await _within(self._past_cohort(query, edges(until, step, windows)))

    @abstractmethod
    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        """As the port says."""

    @abstractmethod
    async def _arms(self, query: MetricQuery, at: datetime) -> Reading:
        """Both arms at `at`, or just before."""

    @abstractmethod
    async def _cohort(self, query: CohortQuery, at: datetime) -> CohortReading:
        """Each tenant of the query that has series."""

    @abstractmethod
    async def _past(self, query: MetricQuery, at: Sequence[datetime]) -> list[Reading]:
        """Both arms at each of these instants, which lie evenly."""

    @abstractmethod
    async def _past_cohort(self, query: CohortQuery, at: Sequence[datetime]) -> list[CohortReading]:
        """Each tenant at each of these instants."""


async def _within(read: Awaitable[_Read]) -> _Read | ProviderError:
    try:
        async with asyncio.timeout(READ_S):
            return await read
    except Unanswered as unanswered:
        return ProviderError(unanswered.reason)
    except TimeoutError:
        return ProviderError("timeout")
