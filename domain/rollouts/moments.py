"""A plan may say from when on and until when a rollout may start, and behind which other one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.errors import Conflict, Fault
from domain.rollouts.control import Verb, cause_of
from domain.rollouts.machine import State
from domain.rollouts.plan import Plan
from domain.rollouts.rollout import Transition

DUE = "waits_until_due"
"""The cause of waiting for the moment that the plan names."""
BEHIND = "waits_for_the_change_before"
"""The cause of waiting for the end of the change that the plan names."""
STARTED = cause_of(Verb.START)
LONGEST_AHEAD = timedelta(days=366)


class TooLate(Conflict):
    """The moment until which this change was to start is over."""

    kind = "too-late-to-start"


def check_moments(apply_at: datetime | None, apply_by: datetime | None, now: datetime) -> list[Fault]:
    """What is wrong with them now, by the names of the fields; nothing once they were said."""
    faults = []
    if apply_at is not None and not now < apply_at <= now + LONGEST_AHEAD:
        faults.append(Fault("/apply_at", "in the future" if apply_at <= now else "within a year"))
    if apply_by is not None and apply_by <= (apply_at or now):
        faults.append(Fault("/apply_by", "later than apply_at" if apply_at else "in the future"))
    return faults


def waits_until(plan: Plan, state: State, cause: str | None) -> datetime | None:
    """The moment at which that wait is over by itself, where it waits for one."""
    return plan.apply_at if state is State.SCHEDULED and cause == DUE else None


def started_by_hand(timeline: Iterable[Transition]) -> bool:
    """Whether somebody let it start before its moment, after it was approved last."""
    for line in sorted(timeline, key=lambda each: each.seq, reverse=True):
        if line.cause == STARTED:
            return True
        if line.to_state is State.AWAITING_APPROVAL:
            return False
    return False
