"""Legal entities, on the wire."""

from datetime import date
from typing import Annotated

from pydantic import Field

from api.schemas.common import KEY, In, Out, Reason
from application.calendars.due_dates import DueDate
from application.calendars.entities import EntityWish
from application.ports.calendars import LegalEntity

Code = Annotated[str, Field(pattern=KEY, examples=["acme-us"])]
Title = Annotated[str, Field(min_length=1, max_length=200)]


class EntityIn(In):
    """`parent` is said once; `country` and `subdivision` (ISO 3166) are those of its public holidays."""

    name: Title
    time_zone: Annotated[str, Field(min_length=1, max_length=64, examples=["America/New_York"])]
    parent: Code | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["US"])] | None = None
    subdivision: Annotated[str, Field(pattern="^[A-Z0-9]{1,3}$", examples=["NY"])] | None = None
    reason: Reason

    def wish(self) -> EntityWish:
        return EntityWish(self.name, self.time_zone, self.parent, self.country, self.subdivision)


class EntityOut(Out):
    code: str
    name: str
    time_zone: str
    parent: str | None
    country: str | None
    subdivision: str | None
    version: int

    @classmethod
    def of(cls, entity: LegalEntity) -> "EntityOut":
        return cls(**vars(entity))


class EntityPage(Out):
    items: list[EntityOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[LegalEntity], str | None]) -> "EntityPage":
        return cls(items=[EntityOut.of(each) for each in page[0]], next_cursor=page[1])


class DueDateOut(Out):
    """`skipped` are the holidays that moved it."""

    entity: str
    due: date
    skipped: list[date]

    @classmethod
    def of(cls, found: DueDate) -> "DueDateOut":
        return cls(entity=found.entity.code, due=found.due, skipped=list(found.skipped))
