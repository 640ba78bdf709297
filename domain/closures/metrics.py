"""How long a close takes and how often its work comes back, from what the tasks and the run keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from domain.calendars import BusinessDays, first_instant, local_date
from domain.closures.tasks import ClosureTask, TaskState

_DAY = timedelta(days=1)
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class DaysToClose:
    """`calendar` counts from the midnight, there, that ends the last day; `business` the business days after it."""

    calendar: Decimal
    business: int


def days_to_close(ends: date, closed_at: datetime, zone: str | ZoneInfo, business: BusinessDays) -> DaysToClose:
    """Of a period whose last day is `ends`; negative, and no business day, where it closed before its end."""
    passed = closed_at - first_instant(ends + _DAY, zone)
    return DaysToClose(_hundredths(passed, _DAY), business.between(ends, local_date(closed_at, zone)))


def first_pass_yield(tasks: Iterable[ClosureTask]) -> Decimal | None:
    """The share of what was done that was neither rejected nor suspended on its way; None where nothing was done."""
    done = [each for each in tasks if each.state is TaskState.DONE]
    if not done:
        return None
    clean = sum(not each.returns for each in done)
    return (Decimal(clean) / Decimal(len(done))).quantize(_HUNDREDTH, ROUND_HALF_UP)


@dataclass(frozen=True)
class TaskTimes:
    """`waiting` from ready to begun, `cycle` from begun to done."""

    task: str
    waiting: timedelta | None
    cycle: timedelta | None
    returns: int


def task_times(tasks: Sequence[ClosureTask]) -> tuple[TaskTimes, ...]:
    return tuple(
        TaskTimes(
            each.plan.key,
            _between(each.ready_at, each.started_at),
            _between(each.started_at, each.ended_at) if each.state is TaskState.DONE else None,
            each.returns,
        )
        for each in tasks
    )


def _between(one: datetime | None, other: datetime | None) -> timedelta | None:
    return None if one is None or other is None else other - one


def _hundredths(passed: timedelta, of: timedelta) -> Decimal:
    parts = Decimal(passed // timedelta(seconds=1)) / Decimal(of // timedelta(seconds=1))
    return parts.quantize(_HUNDREDTH, ROUND_HALF_UP)
