"""What a change asks of people: the policy of its environment decides by how far it reaches."""

from collections.abc import Iterable

from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy, strictest
from domain.changes import Kind, Reach
from domain.environments import Environment


async def decided(tx: Transaction, environments: Iterable[Environment], kind: Kind, reach: Reach) -> ApprovalPolicy:
    """Of several environments the one that asks most."""
    policies = [await tx.policies.get(environment, kind) for environment in environments]
    return strictest(policy.decided(reach) for policy in policies)
