"""What an environment asks of rollouts, and the windows in which they may start, as they hold now."""

from dataclasses import replace

from application.ports.locks import RuleKind
from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy, Calendar
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import WHOLE
from domain.locks import SATURDAY, Window, parse_window
from domain.rollouts import Rollout, Strategy
from domain.rollouts.policy import RolloutPolicy, default_rollout_policy, parse_rollout_policy


async def rollout_policy(tx: Transaction, environment: Environment, kind: Kind) -> RolloutPolicy:
    """The default of the environment where none was set; definitions and rules go by that of settings."""
    found = await tx.release_rules.get(RuleKind.POLICY, policy_name(environment, kind))
    return parse_rollout_policy(found.content, environment) if found else default_rollout_policy(environment)


async def window_called(tx: Transaction, name: str) -> Window | None:
    found = await tx.release_rules.get(RuleKind.WINDOW, name)
    return parse_window(found.content) if found else None


async def hours_of(tx: Transaction, name: str) -> Calendar | None:
    """The open hours of a change window, as deadlines count them; None where nobody made it."""
    window = await window_called(tx, name)
    if window is None:
        return None
    week = tuple(
        tuple((span.opens, span.closes) for span in spans) if index < SATURDAY or window.every_day else ()
        for index, spans in enumerate(window.hours)
    )
    return Calendar(window.time_zone, week, tuple(sorted(window.holidays)))


async def timed(tx: Transaction, policy: ApprovalPolicy) -> ApprovalPolicy:
    """With the hours that its window has now, so that they stay as they were when people were asked.

    In a tenant that was given the policy and has no such window, every hour counts.
    """
    if policy.window is None:
        return policy
    return replace(policy, calendar=await hours_of(tx, policy.window), window=None)


def policy_name(environment: Environment, kind: Kind) -> str:
    of = Kind.FLAG if kind is Kind.FLAG else Kind.SETTING
    return f"{environment.value}/{of.value}"


async def by_policy(tx: Transaction, environment: Environment, kind: Kind, plan: Json) -> Json:
    """The plan as it was given, with what the policy says where it says nothing."""
    if not isinstance(plan, dict) or "on_conflict" in plan:
        return plan
    return {**plan, "on_conflict": (await rollout_policy(tx, environment, kind)).on_conflict.value}


async def check_direct(tx: Transaction, environment: Environment, kind: Kind) -> None:
    """What is written by itself is served to everybody at once; StrategyNotAllowed where the policy wants more."""
    (await rollout_policy(tx, environment, kind)).check_strategy(Strategy.DIRECT)


async def check_rules(tx: Transaction, rollout: Rollout) -> None:
    """StrategyNotAllowed by the policy, Invalid for a window that nobody made; what is urgent passes."""
    if rollout.priority or rollout.kind not in {Kind.FLAG, Kind.SETTING}:  # what has no other way but all at once
        return
    policy = await rollout_policy(tx, rollout.environment, rollout.kind)
    if rollout.key not in WHOLE:  # they never reach some subjects only
        policy.check_strategy(rollout.plan.strategy)
    if rollout.plan.window is not None and await window_called(tx, rollout.plan.window) is None:
        raise Invalid([Fault("/plan/window", "the name of a change window of this tenant")])
