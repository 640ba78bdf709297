"""How long a close took or will take, what its critical path is, and how often its work came back."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from application.periods.places import PeriodPlace, period_of
from application.ports.holidays import PublicHolidays
from application.ports.store import Store
from domain.calendars import BusinessDays
from domain.closures import (
    DaysToClose,
    Forecast,
    Path,
    TaskTimes,
    critical_path,
    days_to_close,
    first_pass_yield,
    forecast,
    task_times,
)
from domain.errors import Missing
from domain.people import Actor, Permission
from domain.periods import GateKey


@dataclass(frozen=True)
class Measures:
    """`days` once it is closed. While it goes on, `ahead` says when its tasks are done, which is `lands` then."""

    days: DaysToClose | None
    ahead: Forecast | None
    lands: DaysToClose | None
    critical: Path
    first_pass_yield: Decimal | None
    tasks: tuple[TaskTimes, ...]


class Measuring:
    def __init__(self, store: Store, holidays: PublicHolidays) -> None:
        self._store = store
        self._holidays = holidays

    async def of(self, actor: Actor, run_id: UUID) -> Measures:
        """Raises PermissionMissing, Missing."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            run = await tx.closures.get(run_id)
            if run is None:
                raise Missing(kind_of_thing="period closure", id=str(run_id))
            tasks = await tx.closures.tasks(run_id)
            place = await period_of(tx, GateKey(run.entity, run.period, run.scopes[0]))
            now = tx.now
        ahead = None if run.over or run.committed else forecast(tasks, run.opened_at, now)
        return Measures(
            days=self._days(place, run.closed_at) if run.closed_at else None,
            ahead=ahead,
            lands=self._days(place, ahead.lands_at) if ahead else None,
            critical=critical_path([each.plan for each in tasks]),
            first_pass_yield=first_pass_yield(tasks),
            tasks=task_times(tasks),
        )

    def _days(self, place: PeriodPlace, at: datetime) -> DaysToClose:
        ends, entity = place.period.ends, place.entity
        rest = frozenset[date]()
        if entity.country is not None:
            rest = self._holidays.of(entity.country, entity.subdivision, range(ends.year, at.year + 1))
        return days_to_close(ends, at, entity.time_zone, BusinessDays(rest))
