"""A policy that governs itself is changed by a change, which asks whom it asks; any other at once."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from application.acting import done as acted
from application.acting import remember
from application.external.systems import check_systems
from application.policies import SetPolicy, governs, set_policy
from application.policy_documents import check_policy, put_policy
from application.ports.store import Store, Transaction
from application.recording import record, reverted
from application.submission import Submission, Submitted
from application.tenants import Tenants
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet, Content, Kind, NothingChanges, Target
from domain.errors import Fault, Stale
from domain.people import Actor, Permission
from domain.rollouts import parse_plan

AT_ONCE = {"strategy": "direct", "bake_seconds": 0}


class GovernedPolicies:
    def __init__(self, store: Store, tenants: Tenants, submission: Submission) -> None:
        self._store = store
        self._tenants = tenants
        self._submission = submission

    async def set(self, actor: Actor, wish: SetPolicy, reason: str) -> SetPolicy | Submitted:
        """Over `wish.version`; raises Stale, or NothingChanges for a change that would change nothing."""
        done = await self.replace(actor, wish, reason)
        return await self._submission.submit(actor, done.id) if isinstance(done, ChangeSet) else done

    async def replace(
        self, actor: Actor, wish: SetPolicy, reason: str, reverts: UUID | None = None
    ) -> SetPolicy | ChangeSet:
        """The policy where it was set at once, or the draft of the change that is to be submitted."""
        actor.require(Permission.POLICY_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if actor.request is not None and (known := await tx.changes.get(actor.request)) is not None:
                return known
            before = await set_policy(tx, wish.environment, wish.kind)
            if await acted(tx, actor):
                return before
            target = Target(wish.environment, Kind.POLICY, wish.kind.value, wish.version, wish.policy.to_json())
            was = Was(before.version, before.policy.to_json())
            if governs(before):
                await check_systems(tx, wish.policy)
                return await drafted(tx, actor, target, was, reason, reverts)
            if reverts is not None:
                await taken_back(tx, actor, target, was, reason, reverts)
                return await set_policy(tx, wish.environment, wish.kind)
        return await self._tenants.set_policy(actor, wish, reason)


@dataclass(frozen=True)
class Was:
    """A policy as it stands before it is changed."""

    version: int
    content: Json


async def drafted(
    tx: Transaction, actor: Actor, target: Target, was: Was, reason: str, reverts: UUID | None
) -> ChangeSet:
    """The change of a policy, for those whom it asks; raises Stale or NothingChanges."""
    _check_base(target, was)
    if was.content == target.content:
        raise NothingChanges([Fault("/policy", "equals the present policy")])
    content = Content((target,), parse_plan(AT_ONCE, target.environment).to_json(), None, None)
    change = ChangeSet(
        id=actor.request or uuid4(), tenant=actor.tenant, author=actor.id, content=content, digest=content.digest,
        reason=reason, created_at=tx.now, reverts=reverts,
    )  # fmt: skip
    await tx.changes.add(change)
    await record(tx, Action.CHANGE_CREATED, ("change", change.id), actor=actor, change=change.id, reason=reason,
                 after={"digest": change.digest, "content": content.to_json()})  # fmt: skip
    if reverts is not None:
        await reverted(tx, actor, reverts, change.id, reason)
    return change


async def taken_back(tx: Transaction, actor: Actor, target: Target, was: Was, reason: str, reverts: UUID) -> None:
    """A change of a policy that asks nobody any more is reverted at once; raises Stale."""
    _check_base(target, was)
    await check_policy(tx, target)
    await put_policy(tx, target, actor, reason)
    await remember(tx, actor, "set-policy")
    await reverted(tx, actor, reverts, None, reason)


def _check_base(target: Target, was: Was) -> None:
    if was.version != target.base_version:
        raise Stale(version=was.version, expected=target.base_version)
