"""Everything that may be done with calendars, over one store."""

from dataclasses import dataclass
from typing import Self

from application.calendars.configuring import Configuring
from application.calendars.entities import LegalEntities
from application.calendars.looking_up import LookingUp
from application.calendars.making import Making
from application.ports.store import Store


@dataclass(frozen=True)
class CalendarCases:
    entities: LegalEntities
    configuring: Configuring
    making: Making
    looking_up: LookingUp

    @classmethod
    def over(cls, store: Store) -> Self:
        return cls(LegalEntities(store), Configuring(store), Making(store), LookingUp(store))
