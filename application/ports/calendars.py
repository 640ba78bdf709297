"""Legal entities, the calendars of their books, and the years that these have made, as they are stored."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from domain.calendars import FiscalYear
from domain.canonical import Json

WHOLE = ""
"""Stands for the tenant as a whole where an entity is named."""


@dataclass(frozen=True)
class LegalEntity:
    """Whose books they are; `time_zone` says which date an instant has there. `country` is for business days."""

    code: str
    name: str
    time_zone: str
    parent: str | None
    version: int
    country: str | None = None
    subdivision: str | None = None


class Entities(Protocol):
    """The legal entities of one tenant."""

    async def get(self, code: str, *, lock: bool = False) -> LegalEntity | None: ...
    async def page(self, after: str, limit: int) -> list[LegalEntity]:
        """By code."""
        ...

    async def put(self, entity: LegalEntity) -> None:
        """Over the version before its own; Stale when that is not there. Its parent stays what it was."""
        ...


@dataclass(frozen=True)
class StoredCalendar:
    """One version of a calendar of an entity, or of the tenant as a whole; it makes the years from `from_year` on."""

    id: UUID
    entity: str
    code: str
    version: int
    from_year: int
    rule: Json
    short_periods: str
    written_by: UUID
    written_at: datetime
    reason: str
    request: UUID | None = None


@dataclass(frozen=True)
class StoredYear:
    """A year as `version` of its calendar made it; `periods` are the ids of its periods, in their order."""

    id: UUID
    calendar: UUID
    version: int
    year: FiscalYear
    periods: tuple[UUID, ...]
    made_by: UUID
    made_at: datetime
    reason: str
    used: bool = False


class Calendars(Protocol):
    """Every version of every calendar, and the years that were made."""

    async def find(self, code: str, entity: str, *, lock: bool = False) -> StoredCalendar | None:
        """The newest version; locked, nobody else writes to this calendar until the transaction ends."""
        ...

    async def page(self, after: tuple[str, str], limit: int) -> list[StoredCalendar]:
        """The newest of each, by code and entity."""
        ...

    async def versions(self, calendar: UUID, before: int, limit: int) -> list[StoredCalendar]:
        """Newest first."""
        ...

    async def version_for(self, calendar: UUID, year: int) -> StoredCalendar | None:
        """The newest that reaches this year."""
        ...

    async def put(self, calendar: StoredCalendar) -> None:
        """The next version, the first of which makes the calendar; AlreadyExists when somebody else wrote it."""
        ...

    async def asked(self, request: UUID) -> StoredCalendar | None: ...
    async def years(self, calendar: UUID, after: date, limit: int) -> list[StoredYear]:
        """Those that begin after this day, the earliest first."""
        ...

    async def year(self, calendar: UUID, number: int, *, transition: bool = False) -> StoredYear | None: ...
    async def from_number(self, calendar: UUID, number: int, limit: int) -> list[StoredYear]:
        """Those of this number and of later ones."""
        ...

    async def touching(self, calendar: UUID, begins: date, ends: date) -> list[StoredYear]:
        """Those that have a day in common with this span, the earliest first."""
        ...

    async def near(self, calendar: UUID, day: date) -> list[StoredYear]:
        """The year that has this day, or the one before it and the one after it."""
        ...

    async def ends_of(self, calendar: UUID) -> list[StoredYear]:
        """The first year and the last, or the only one, or none."""
        ...

    async def add(self, years: Collection[StoredYear]) -> None:
        """PeriodsOverlap or YearsApart when they do not fit the years that are there, at the latest on commit."""
        ...

    async def use(self, year: UUID) -> None:
        """From now on it stays as it is; Missing when it was removed."""
        ...

    async def remove(self, year: UUID) -> None:
        """With its periods; YearUsed once it was used."""
        ...
