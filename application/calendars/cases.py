"""Everything that may be done with calendars, over one store."""

from dataclasses import dataclass
from typing import Self

from application.calendars.configuring import Configuring
from application.calendars.due_dates import DueDates
from application.calendars.entities import LegalEntities
from application.calendars.looking_up import LookingUp
from application.calendars.making import Making
from application.ports.holidays import PublicHolidays
from application.ports.store import Store


@dataclass(frozen=True)
class CalendarCases:
    entities: LegalEntities
    configuring: Configuring
    making: Making
    looking_up: LookingUp
    due_dates: DueDates

    @classmethod
    def over(cls, store: Store, holidays: PublicHolidays) -> Self:
        return cls(
            LegalEntities(store, holidays),
            Configuring(store),
            Making(store),
            LookingUp(store),
            DueDates(store, holidays),
        )
