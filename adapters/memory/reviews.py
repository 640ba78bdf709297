"""Reviews that are owed, and groups of people, in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import Rows
from application.ports.records import Group, Review, ReviewCause
from domain.errors import AlreadyExists, Stale
from domain.rollouts import State


class MemoryReviews:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def open(self, review: Review) -> None:
        if review.id in self._rows.reviews:
            raise AlreadyExists
        self._rows.reviews[review.id] = replace(review, opened_at=self._now, closed_at=None)

    async def get(self, review: UUID, *, lock: bool = False) -> Review | None:
        del lock
        return self._rows.reviews.get(review)

    async def all(self) -> list[Review]:
        return sorted(self._rows.reviews.values(), key=lambda review: review.opened_at, reverse=True)

    async def emergencies(self, within: timedelta) -> list[Review]:
        recent = [each for each in await self.all() if each.opened_at > self._now - within]
        return [each for each in reversed(recent) if each.cause is ReviewCause.EMERGENCY]

    async def close(self, review: UUID, by: UUID, finding: str) -> None:
        self._rows.reviews[review] = replace(
            self._rows.reviews[review], closed_at=self._now, closed_by=by, finding=finding
        )

    async def escalate(self, review: UUID, at: datetime) -> None:
        self._rows.reviews[review] = replace(self._rows.reviews[review], escalated_at=at)


class MemoryGroups:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, name: str) -> Group | None:
        return self._rows.groups.get(name)

    async def all(self) -> list[Group]:
        return [self._rows.groups[name] for name in sorted(self._rows.groups)]

    async def put(self, group: Group) -> None:
        known = self._rows.groups.get(group.name)
        if group.version != (known.version if known else 0) + 1:
            raise Stale(expected=group.version - 1)
        self._rows.groups[group.name] = group


def overdue(tenant: UUID, rows: Rows, now: datetime) -> list[tuple[UUID, UUID]]:
    return [(tenant, each.id) for each in rows.reviews.values() if each.overdue(now) and each.escalated_at is None]


def unheard(rows: Rows) -> list[UUID]:
    waiting = [each for each in rows.rollouts.values() if each.state is State.AWAITING_APPROVAL]
    return [each.id for each in waiting if each.emergency is not None]
