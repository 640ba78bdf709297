"""The time that a deployment took is its own, or people's, or that in which nothing could be seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from domain.rollouts.decisions import HoldReason, Progress, next_deadline
from domain.rollouts.machine import TERMINAL, State
from domain.rollouts.moments import DUE
from domain.rollouts.plan import Plan
from domain.rollouts.rollout import PAUSED_BY_OPERATOR, Transition

_NONE: Final = timedelta(0)
_OF_PEOPLE: Final = {HoldReason.OPERATOR, HoldReason.MANUAL_GATE, HoldReason.INCONCLUSIVE}


@dataclass(frozen=True)
class Spans:
    """Three parts that are the whole."""

    progression: timedelta = _NONE
    manual_wait: timedelta = _NONE
    blind: timedelta = _NONE

    @property
    def total(self) -> timedelta:
        return self.progression + self.manual_wait + self.blind


def spans(timeline: Iterable[Transition], until: datetime) -> Spans:
    """From the first line to `until`, or to the end where there is one; a clock that goes back counts nothing."""
    lines = list(timeline)
    if not lines:
        return Spans()
    progression, manual, blind = _NONE, _NONE, _NONE
    ends = [*((line, after.at) for line, after in pairwise(lines)), (lines[-1], max(until, lines[-1].at))]
    for line, end in ends:
        lasted = max(end - line.at, _NONE)
        if line.to_state in TERMINAL:
            continue
        if waits_for_people(line):
            manual += lasted
        elif (reason := held_for(line)) is not None and reason.blind:
            blind += lasted
        else:
            progression += lasted
    return Spans(progression, manual, blind)


def held_for(line: Transition) -> HoldReason | None:
    """Why it is held since this line, if it is."""
    if line.to_state is not State.PAUSED:
        return None
    if line.cause == PAUSED_BY_OPERATOR:
        return HoldReason.OPERATOR
    return HoldReason(line.cause) if line.cause in set(HoldReason) else HoldReason.INCONCLUSIVE


def waits_for_people(line: Transition) -> bool:
    """For an answer, or for the moment that they named."""
    return line.to_state is State.AWAITING_APPROVAL or line.cause == DUE or held_for(line) in _OF_PEOPLE


def deadline_of(plan: Plan, line: Transition) -> datetime | None:
    """When the hold that began with this line ends by itself."""
    reason = held_for(line)
    if reason is None:
        return None
    return next_deadline(plan, Progress(line.stage or 0, line.at, hold=reason, held_since=line.at))
