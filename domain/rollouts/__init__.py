"""How exposure rises, what may stop it, and how it goes back."""

from domain.rollouts.control import Verb, cause_of, check_control, goal
from domain.rollouts.decisions import Decision, HoldReason, Outcome, Progress, Timing, decide, lapsed, next_deadline
from domain.rollouts.exposure import TOTAL_WEIGHT, NotRollable, check_exposure, exposed
from domain.rollouts.machine import (
    EXPOSED,
    TERMINAL,
    WAYS,
    AlreadyTerminal,
    Phase,
    State,
    TransitionRefused,
    check_transition,
)
from domain.rollouts.plan import DeadlineAction, Plan, Stage, Strategy, default_plan, parse_plan
from domain.rollouts.rollout import GateNotPassed, NotRunning, Rollout, StaleGeneration, Transition

__all__ = [
    "EXPOSED",
    "TERMINAL",
    "TOTAL_WEIGHT",
    "WAYS",
    "AlreadyTerminal",
    "DeadlineAction",
    "Decision",
    "GateNotPassed",
    "HoldReason",
    "NotRollable",
    "NotRunning",
    "Outcome",
    "Phase",
    "Plan",
    "Progress",
    "Rollout",
    "Stage",
    "StaleGeneration",
    "State",
    "Strategy",
    "Timing",
    "Transition",
    "TransitionRefused",
    "Verb",
    "cause_of",
    "check_control",
    "check_exposure",
    "check_transition",
    "decide",
    "default_plan",
    "exposed",
    "goal",
    "lapsed",
    "next_deadline",
    "parse_plan",
]
