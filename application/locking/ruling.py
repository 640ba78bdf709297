"""Change windows and rollout policies are written over the version that their writer saw, each with a reason."""

from dataclasses import dataclass
from datetime import datetime

from application.locking.rules import policy_name, rollout_policy
from application.policies import governs, set_policy
from application.ports.locks import RuleKind, StoredRule
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ApprovalRequired, Kind
from domain.environments import Environment
from domain.errors import AlreadyExists, Missing, Stale
from domain.locks import Window, parse_window
from domain.people import Actor, Permission
from domain.rollouts.policy import RolloutPolicy, parse_rollout_policy

_ACTIONS = {RuleKind.WINDOW: Action.WINDOW_CHANGED, RuleKind.POLICY: Action.ROLLOUT_POLICY_CHANGED}


@dataclass(frozen=True)
class ChangeWindow:
    """`opens` is when rollouts may start there next: now, while it is open."""

    name: str
    version: int
    window: Window
    opens: datetime | None


@dataclass(frozen=True)
class PolicyOf:
    """Version 0 is the default."""

    environment: Environment
    kind: Kind
    version: int
    policy: RolloutPolicy


class Windows:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, actor: Actor, name: str, raw: Json, *, expected: int, reason: str) -> ChangeWindow:
        actor.require(Permission.POLICY_MANAGE)
        content = parse_window(raw).to_json()
        async with self._store.transaction(actor.tenant) as tx:
            stored = await _put(tx, actor, (RuleKind.WINDOW, name), content, expected=expected, reason=reason)
            return _window(stored, tx.now)

    async def get(self, actor: Actor, name: str) -> ChangeWindow:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.release_rules.get(RuleKind.WINDOW, name)
            if found is None:
                raise Missing(kind_of_thing="change window", name=name)
            return _window(found, tx.now)

    async def page(self, actor: Actor, after: str, limit: int) -> list[ChangeWindow]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return [_window(each, tx.now) for each in await tx.release_rules.page(RuleKind.WINDOW, after, limit)]


class RolloutPolicies:
    """Each raises PermissionMissing, Invalid, Stale or ApprovalRequired where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(
        self, actor: Actor, place: tuple[Environment, Kind], raw: Json, *, expected: int, reason: str
    ) -> PolicyOf:
        actor.require(Permission.POLICY_MANAGE)
        policy = parse_rollout_policy(raw, place[0])
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.release_rules.asked(actor.request) if actor.request else None
            if known is None and governs(await set_policy(tx, *place)):
                raise ApprovalRequired(environment=place[0].value, kind=place[1].value)
            named = (RuleKind.POLICY, policy_name(*place))
            stored = await _put(tx, actor, named, policy.to_json(), expected=expected, reason=reason)
            return PolicyOf(*place, stored.version, parse_rollout_policy(stored.content, place[0]))

    async def get(self, actor: Actor, environment: Environment, kind: Kind) -> PolicyOf:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.release_rules.get(RuleKind.POLICY, policy_name(environment, kind))
            policy = await rollout_policy(tx, environment, kind)
            return PolicyOf(environment, kind, found.version if found else 0, policy)


async def _put(
    tx: Transaction, actor: Actor, place: tuple[RuleKind, str], content: Json, *, expected: int, reason: str
) -> StoredRule:
    if actor.request and (written := await tx.release_rules.asked(actor.request)):
        return written
    kind, name = place
    before = await tx.release_rules.get(kind, name)
    version = before.version if before else 0
    if version != expected:
        raise Stale(version=version, expected=expected)
    stored = StoredRule(kind, name, version + 1, content, actor.id, tx.now, reason, actor.request)
    try:
        await tx.release_rules.put(stored)
    except AlreadyExists:
        raise Stale(expected=expected) from None
    await record(tx, _ACTIONS[kind], (kind.value, name), actor=actor, reason=reason,
                 before=before.content if before else None, after=content)  # fmt: skip
    return stored


def _window(stored: StoredRule, at: datetime) -> ChangeWindow:
    window = parse_window(stored.content)
    return ChangeWindow(stored.name, stored.version, window, window.next_opening(at))
