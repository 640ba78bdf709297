"""How exposure rises, what may stop it, and how it goes back."""

from domain.rollouts.decisions import Decision, HoldReason, Progress, Timing, decide
from domain.rollouts.exposure import TOTAL_WEIGHT, check_exposure, exposed
from domain.rollouts.machine import (
    TERMINAL,
    AlreadyTerminal,
    Phase,
    State,
    TransitionRefused,
    check_transition,
)
from domain.rollouts.plan import DeadlineAction, Plan, Stage, Strategy, default_plan, parse_plan
from domain.rollouts.rollout import Rollout, Transition

__all__ = [
    "TERMINAL",
    "TOTAL_WEIGHT",
    "AlreadyTerminal",
    "DeadlineAction",
    "Decision",
    "HoldReason",
    "Phase",
    "Plan",
    "Progress",
    "Rollout",
    "Stage",
    "State",
    "Strategy",
    "Timing",
    "Transition",
    "TransitionRefused",
    "check_exposure",
    "check_transition",
    "decide",
    "default_plan",
    "exposed",
    "parse_plan",
]
