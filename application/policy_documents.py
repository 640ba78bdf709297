"""What an environment asks is two documents for each kind of target: one of people, and one of rollouts."""

from dataclasses import replace
from uuid import UUID

from application.external.systems import check_systems
from application.locking.rules import policy_name
from application.ports.locks import RuleKind, StoredRule
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import parse_policy
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Target
from domain.environments import Environment
from domain.errors import AlreadyExists, Stale
from domain.people import Actor
from domain.rollouts import StaleGeneration
from domain.rollouts.policy import default_rollout_policy, parse_rollout_policy

_OF_ROLLOUTS = "rollout/"


def rollouts_key(environment: Environment, kind: Kind) -> str:
    """What a change calls the policy of rollouts; the policy of approvals is called by its kind alone."""
    return _OF_ROLLOUTS + policy_name(environment, kind)


def of_rollouts(key: str) -> bool:
    return key.startswith(_OF_ROLLOUTS)


def kind_asked_about(key: str) -> Kind:
    """Whoever decides about changes of this kind decides about both of its policies."""
    return Kind(key.rpartition("/")[2])


async def check_policy(tx: Transaction, target: Target) -> None:
    if of_rollouts(target.key):
        parse_rollout_policy(target.content, target.environment)
    else:
        await check_systems(tx, parse_policy(target.content))


async def policy_version(tx: Transaction, environment: Environment, key: str) -> int:
    """0 where the default holds."""
    if not of_rollouts(key):
        return await tx.policies.version(environment, Kind(key))
    found = await tx.release_rules.get(RuleKind.POLICY, key.removeprefix(_OF_ROLLOUTS))
    return found.version if found else 0


async def policy_at(tx: Transaction, environment: Environment, key: str, version: int) -> Json:
    """The default, before there was any."""
    if not of_rollouts(key):
        return (await tx.policies.at(environment, Kind(key), version)).to_json()
    found = await tx.release_rules.at(RuleKind.POLICY, key.removeprefix(_OF_ROLLOUTS), version) if version else None
    return found.content if found else default_rollout_policy(environment).to_json()


async def write_policy(tx: Transaction, change: ChangeSet, content: Json, expected: int, reason: str) -> int:
    """The new version, over the one that is expected; StaleGeneration when another is there."""
    target = change.target
    present = await policy_version(tx, target.environment, target.key)
    if present != expected:
        raise StaleGeneration(present_version=present, live_version=expected)
    target = replace(target, base_version=expected, content=content)
    try:
        return await put_policy(tx, target, change.author, reason, change.id)
    except Stale:
        raise StaleGeneration(live_version=expected) from None


async def put_policy(
    tx: Transaction, target: Target, by: Actor | UUID, reason: str, change: UUID | None = None
) -> int:  # fmt: skip
    """The new version, over the base of the target; Stale when another is there."""
    environment, key, present = target.environment, target.key, target.base_version
    before = await policy_at(tx, environment, key, present)
    if of_rollouts(key):
        action, name = Action.ROLLOUT_POLICY_CHANGED, key.removeprefix(_OF_ROLLOUTS)
        author = by.id if isinstance(by, Actor) else by
        await _put(tx, StoredRule(RuleKind.POLICY, name, present + 1, target.content, author, tx.now, reason))
    else:
        action, name = Action.POLICY_CHANGED, f"{environment.value}/{key}"
        await tx.policies.put(environment, Kind(key), parse_policy(target.content), expected=present)
    await record(tx, action, ("policy", name), actor=by, change=change, reason=reason,
                 before=before, after=target.content)  # fmt: skip
    return present + 1


async def _put(tx: Transaction, rule: StoredRule) -> None:
    try:
        await tx.release_rules.put(rule)
    except AlreadyExists:
        raise Stale(expected=rule.version - 1) from None
