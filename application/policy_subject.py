"""A policy as a subject of changes: whom it asks are asked before others are; it goes back as it came."""

from dataclasses import replace

from application.external.systems import check_systems
from application.policies import governing_levels
from application.ports.store import Transaction
from application.recording import record
from application.settings.meanings import change_of, check_version, told_difference
from domain.approvals import ApprovalPolicy, parse_policy
from domain.audit import Action
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, Reach, Target
from domain.rollouts import Rollout, StaleGeneration


class PolicySubject:
    """Its key is the kind that the policy is for."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        del hold  # the write compares versions
        check_version(change, await _version(tx, change.target))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        await check_systems(tx, parse_policy(change.target.content))

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one
        return await _write(tx, rollout, change, parse_policy(change.target.content), change.reason)

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        return await tx.policies.version(rollout.environment, Kind(rollout.key)) == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """The default, where there was none before."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        change = await change_of(tx, rollout)
        earlier = await tx.policies.at(rollout.environment, Kind(rollout.key), rollout.base_version)
        return await _write(tx, rollout, change, earlier, f"rollback of {rollout.id}")

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        """The strictest that the policy in force ever asks: no rule of it is loosened by fewer people than it names."""
        target = change.target
        policy = await tx.policies.get(target.environment, Kind(target.key))
        return EVERYWHERE, replace(policy, levels=governing_levels(policy), rules=())

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        base = await tx.policies.at(target.environment, Kind(target.key), target.base_version)
        return told_difference(change, base.to_json(), await _version(tx, target))


async def _version(tx: Transaction, target: Target) -> int:
    return await tx.policies.version(target.environment, Kind(target.key))


async def _write(tx: Transaction, rollout: Rollout, change: ChangeSet, policy: ApprovalPolicy, reason: str) -> int:
    environment, kind = rollout.environment, Kind(rollout.key)
    before, present = await tx.policies.get(environment, kind), await tx.policies.version(environment, kind)
    if present != rollout.live_version:
        raise StaleGeneration(present_version=present, live_version=rollout.live_version)
    version = await tx.policies.put(environment, kind, policy, expected=present)
    await record(tx, Action.POLICY_CHANGED, ("policy", f"{environment.value}/{kind.value}"), actor=change.author,
                 change=change.id, reason=reason, before=before.to_json(), after=policy.to_json())  # fmt: skip
    return version
