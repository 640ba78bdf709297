"""What a change asks of people: the policy of its environment decides by how far it reaches."""

from collections.abc import Iterable
from dataclasses import dataclass

from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy, Level, strictest, strictness
from domain.changes import Kind, Reach
from domain.environments import Environment


@dataclass(frozen=True)
class SetPolicy:
    """A policy where it stands; version 0 is the default that nobody has set."""

    environment: Environment
    kind: Kind
    policy: ApprovalPolicy
    version: int


async def set_policy(tx: Transaction, environment: Environment, kind: Kind) -> SetPolicy:
    """The one that holds there."""
    policy, version = await tx.policies.get(environment, kind), await tx.policies.version(environment, kind)
    return SetPolicy(environment, kind, policy, version)


def governs(found: SetPolicy) -> bool:
    """Whether whom it asks is asked before it is changed.

    Unless it says so itself: in production, once somebody has set it. Whom the default asks nobody has chosen.
    """
    says = found.policy.governs_itself
    by_place = found.environment is Environment.PRODUCTION and found.version > 0
    return bool(governing_levels(found.policy)) and (by_place if says is None else says)


def governing_levels(policy: ApprovalPolicy) -> tuple[Level, ...]:
    """The most that it asks of anything."""
    return max((policy.levels, *(rule.levels for rule in policy.rules)), key=strictness)


async def decided(tx: Transaction, environments: Iterable[Environment], kind: Kind, reach: Reach) -> ApprovalPolicy:
    """Of several environments the one that asks most."""
    policies = [await tx.policies.get(environment, kind) for environment in environments]
    return strictest(policy.decided(reach) for policy in policies)
