"""What is measured of a close, on the wire."""

from datetime import datetime, timedelta

from pydantic import Field

from api.schemas.common import Out
from application.closures.measuring import Measures
from domain.closures import DaysToClose, Forecast, TaskTimes


class DaysOut(Out):
    """From the midnight of the entity that ends the period."""

    calendar: str = Field(description="Days in hundredths.", examples=["4.67"])
    business: int

    @classmethod
    def of(cls, days: DaysToClose) -> "DaysOut":
        return cls(calendar=str(days.calendar), business=days.business)


class ForecastOut(Out):
    """At the present pace, which is hours of work on the critical path in an hour of the clock."""

    lands_at: datetime
    lands: DaysOut
    blocker: str | None = Field(description="The first task of what remains of the critical path.")
    remaining: list[str]
    remaining_hours: str
    pace: float

    @classmethod
    def of(cls, ahead: Forecast, lands: DaysToClose) -> "ForecastOut":
        return cls(
            lands_at=ahead.lands_at,
            lands=DaysOut.of(lands),
            blocker=ahead.blocker,
            remaining=list(ahead.remaining.keys),
            remaining_hours=str(ahead.remaining.hours),
            pace=round(float(ahead.pace), 4),
        )


class TaskTimesOut(Out):
    """Waiting is from ready to begun, cycle from begun to done; `returns` counts how often it was given back."""

    task: str
    waiting_seconds: int | None
    cycle_seconds: int | None
    returns: int

    @classmethod
    def of(cls, times: TaskTimes) -> "TaskTimesOut":
        return cls(
            task=times.task,
            waiting_seconds=_seconds(times.waiting),
            cycle_seconds=_seconds(times.cycle),
            returns=times.returns,
        )


class MeasuresOut(Out):
    """`days_to_close` once it is closed, `forecast` while it goes on."""

    days_to_close: DaysOut | None
    forecast: ForecastOut | None
    critical_path: list[str]
    critical_hours: str
    first_pass_yield: str | None = Field(description="The share of what was done that never came back.")
    tasks: list[TaskTimesOut]

    @classmethod
    def of(cls, found: Measures) -> "MeasuresOut":
        share = found.first_pass_yield
        return cls(
            days_to_close=DaysOut.of(found.days) if found.days else None,
            forecast=ForecastOut.of(found.ahead, found.lands) if found.ahead and found.lands else None,
            critical_path=list(found.critical.keys),
            critical_hours=str(found.critical.hours),
            first_pass_yield=None if share is None else str(share),
            tasks=[TaskTimesOut.of(each) for each in found.tasks],
        )


def _seconds(passed: timedelta | None) -> int | None:
    return None if passed is None else passed // timedelta(seconds=1)
