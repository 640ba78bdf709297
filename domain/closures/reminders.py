"""A task is called to mind a day before it is due, when it is due, and a day after; a window before it ends."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

OCCASIONS = (timedelta(days=-1), timedelta(0), timedelta(days=1))
BEFORE_IT_ENDS = (timedelta(days=-1), timedelta(hours=-1))
"""Its end itself is told by whoever shuts it."""


class Dated(Protocol):
    """What has a name and may have a day by which it is done."""

    @property
    def key(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...


@dataclass(frozen=True, order=True)
class Reminder:
    at: datetime
    task: str


def reminders(tasks: Iterable[Dated], after: datetime, occasions: Iterable[timedelta] = OCCASIONS) -> list[Reminder]:
    """Those that are still to come then, the earliest first."""
    found = (Reminder(task.due_at + each, task.key) for task in tasks if task.due_at is not None for each in occasions)
    return sorted(each for each in found if each.at > after)
