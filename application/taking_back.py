"""What succeeded may be taken back for a while, and what is still warm at once."""

from dataclasses import replace
from uuid import UUID

from application.locking.rules import rollout_policy
from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy
from domain.canonical import digest_of
from domain.changes import ChangeSet, Kind, Reach
from domain.errors import Conflict
from domain.rollouts import Rollout, State


class RevertWindowOver(Conflict):
    """This change succeeded too long ago, or too many versions ago, to be reverted; propose a new one."""

    kind = "revert-window-over"


class NotRevertable(Conflict):
    """A secret among several targets was sealed for one place and moment; write it again by itself."""

    kind = "not-revertable"


async def check_window(tx: Transaction, rollout: Rollout, versions: int = 0) -> None:
    """`versions` were written since; RevertWindowOver where the policy allows fewer, or less time."""
    policy = await rollout_policy(tx, rollout.environment, rollout.kind)
    ended = rollout.ended_at or (await tx.rollouts.timeline(rollout.id))[-1].at
    if tx.now - ended > policy.revert_window or versions > policy.revert_versions:
        raise RevertWindowOver(
            ended_at=ended.isoformat(), window_seconds=policy.revert_window.total_seconds(),
            versions_since=versions, versions=policy.revert_versions,
        )  # fmt: skip


async def relieved(
    tx: Transaction, change: ChangeSet, reach: Reach, asks: ApprovalPolicy
) -> tuple[Reach, ApprovalPolicy]:
    """Nobody is asked for a switch back to what is still warm, byte for byte, where the policy says so."""
    free = change.reverts is not None and await _switches_back(tx, change, change.reverts)
    return reach, replace(asks, levels=()) if free else asks


async def _switches_back(tx: Transaction, change: ChangeSet, reverts: UUID) -> bool:
    target, switched = change.target, await tx.rollouts.get(reverts)
    if switched is None or len(change.content.targets) > 1 or target.kind is not Kind.FLAG:
        return False
    over = (target.environment, target.key, target.base_version)
    if over != (switched.environment, switched.key, switched.live_version) or not _warm(tx, switched):
        return False
    stable = await tx.flags.version(switched.environment, switched.key, switched.base_version)
    same = stable is not None and digest_of(stable) == digest_of(target.content)
    return same and (await rollout_policy(tx, target.environment, target.kind)).revert_free


def _warm(tx: Transaction, rollout: Rollout) -> bool:
    green, ended = rollout.plan.blue_green, rollout.ended_at
    if green is None or ended is None or rollout.state is not State.SUCCEEDED:
        return False
    return tx.now - ended <= green.hold
