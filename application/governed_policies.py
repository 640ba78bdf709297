"""A policy that governs itself is changed by a change, which asks whom it asks; any other at once."""

from uuid import UUID, uuid4

from application.acting import done as acted
from application.external.systems import check_systems
from application.policies import SetPolicy, governs, set_policy
from application.ports.store import Store, Transaction
from application.recording import record, reverted
from application.submission import Submission, Submitted
from application.tenants import Tenants
from domain.audit import Action
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
            if actor.request is not None and (drafted := await tx.changes.get(actor.request)) is not None:
                return drafted
            before = await set_policy(tx, wish.environment, wish.kind)
            if await acted(tx, actor):
                return before
            if governs(before):
                return await _drafted(tx, actor, wish, before, reason, reverts)
            if reverts is not None:
                await reverted(tx, actor, reverts, None, reason)
        return await self._tenants.set_policy(actor, wish, reason)


async def _drafted(
    tx: Transaction, actor: Actor, wish: SetPolicy, before: SetPolicy, reason: str, reverts: UUID | None
) -> ChangeSet:
    if before.version != wish.version:
        raise Stale(version=before.version, expected=wish.version)
    if before.policy.to_json() == wish.policy.to_json():
        raise NothingChanges([Fault("/policy", "equals the present policy")])
    await check_systems(tx, wish.policy)
    target = Target(wish.environment, Kind.POLICY, wish.kind.value, before.version, wish.policy.to_json())
    content = Content((target,), parse_plan(AT_ONCE, wish.environment).to_json(), None, None)
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
