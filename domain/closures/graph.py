"""Tasks wait for each other without a circle; the chain with the most work says when a close can end."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from domain.closures.tasks import ClosureTask, TaskPlan, TaskState

PLANNED_PACE = Fraction(8, 24)
"""Hours of work along the critical path in an hour of the clock, while nothing of it is done yet."""
_OUT = frozenset({TaskState.DONE, TaskState.WAIVED, TaskState.CANCELLED})


def cycle_of(after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Keys that each wait for the next, and the last for the first; empty where none do.

    `after` has for each key those that it waits for, all of which are keys.
    """
    left = dict(after)
    while free := [key for key, before in left.items() if not any(each in left for each in before)]:
        for key in free:
            del left[key]
    if not left:
        return ()
    path: list[str] = []
    key = min(left)
    while key not in path:
        path.append(key)
        key = next(each for each in left[key] if each in left)
    return tuple(path[path.index(key) :])


def order(plans: Sequence[TaskPlan]) -> tuple[TaskPlan, ...]:
    """Each after all that it waits for, else as they were given; ValueError where they wait in a circle."""
    place = {plan.key: index for index, plan in enumerate(plans)}
    waits = {plan.key: set(plan.after) for plan in plans}
    free = [place[key] for key, before in waits.items() if not before]
    heapq.heapify(free)
    found: list[TaskPlan] = []
    while free:
        plan = plans[heapq.heappop(free)]
        found.append(plan)
        for key, before in waits.items():
            if plan.key in before:
                before.remove(plan.key)
                if not before:
                    heapq.heappush(free, place[key])
    if len(found) < len(plans):
        raise ValueError("tasks wait in a circle")
    return tuple(found)


@dataclass(frozen=True)
class Path:
    """Keys of tasks, each waiting for the one before it, and the hours of work on them."""

    keys: tuple[str, ...]
    hours: Decimal


def critical_path(plans: Sequence[TaskPlan], over: frozenset[str] = frozenset()) -> Path:
    """The chain with the most hours of work left, where tasks that are `over` have none."""
    longest: dict[str, Path] = {}
    for plan in order(plans):
        before = max((longest[key] for key in plan.after), key=_hours, default=Path((), Decimal(0)))
        done = plan.key in over
        keys = before.keys if done else (*before.keys, plan.key)
        longest[plan.key] = Path(keys, before.hours + (Decimal(0) if done else plan.effort_hours))
    return max(longest.values(), key=_hours, default=Path((), Decimal(0)))


@dataclass(frozen=True)
class Forecast:
    """`blocker` is the first task of what remains of the critical path; `pace` is hours of work in one of the clock."""

    lands_at: datetime
    remaining: Path
    pace: Fraction
    blocker: str | None


def forecast(tasks: Sequence[ClosureTask], opened_at: datetime, now: datetime) -> Forecast:
    """When all tasks are done at the present pace.

    L is the work on the critical path of the whole plan, R on that of what is not over, e the hours since the run
    opened. Pace p = (L - R) / e, or PLANNED_PACE while L = R or e = 0; it lands R / p hours from now.
    """
    plans = [each.plan for each in tasks]
    over = frozenset(each.plan.key for each in tasks if each.state in _OUT)
    whole, remaining = critical_path(plans), critical_path(plans, over)
    done = Fraction(whole.hours) - Fraction(remaining.hours)
    elapsed = Fraction((now - opened_at) // timedelta(seconds=1), 3600)
    pace = done / elapsed if done > 0 and elapsed > 0 else PLANNED_PACE
    seconds = round(Fraction(remaining.hours) / pace * 3600)
    return Forecast(now + timedelta(seconds=seconds), remaining, pace, next(iter(remaining.keys), None))


def _hours(path: Path) -> Decimal:
    return path.hours
