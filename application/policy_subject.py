"""A policy as a subject of changes: whom it asks are asked before others are; it goes back as it came."""

from dataclasses import replace

from application.policies import governing_levels
from application.policy_documents import check_policy, kind_asked_about, policy_at, policy_version, write_policy
from application.ports.store import Transaction
from application.settings.meanings import change_of, check_version, told_difference
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Reach
from domain.rollouts import Rollout


class PolicySubject:
    """Its key is the kind that the policy is for, after the place where it is one of rollouts."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        del hold  # the write compares versions
        check_version(change, await policy_version(tx, change.target.environment, change.target.key))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        await check_policy(tx, change.target)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one
        return await write_policy(tx, change, change.target.content, rollout.live_version, change.reason)

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        return await policy_version(tx, rollout.environment, rollout.key) == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """The default, where there was none before."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        change = await change_of(tx, rollout)
        earlier = await policy_at(tx, rollout.environment, rollout.key, rollout.base_version)
        return await write_policy(tx, change, earlier, rollout.live_version, f"rollback of {rollout.id}")

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        """The strictest that the policy in force ever asks: no rule of it is loosened by fewer people than it names."""
        policy = await tx.policies.get(change.target.environment, kind_asked_about(change.target.key))
        return EVERYWHERE, replace(policy, levels=governing_levels(policy), rules=())

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        base = await policy_at(tx, target.environment, target.key, target.base_version)
        return told_difference(change, base, await policy_version(tx, target.environment, target.key))
