"""A change of settings begins as a draft that is in the trail, whatever of settings it changes."""

from uuid import UUID, uuid4

from application.locking.rules import by_policy
from application.ports.store import Transaction
from application.recording import record, reverted
from application.settings.targets import AT_ONCE
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet, Content, Kind, Target
from domain.environments import Environment
from domain.people import Actor
from domain.rollouts import parse_plan
from domain.settings import shown

FILED = Environment.PRODUCTION
"""Where a change is filed that holds in every environment."""


async def drafted(tx: Transaction, actor: Actor, change: ChangeSet) -> ChangeSet:
    """If it takes another back, that one's trail says so."""
    await tx.changes.add(change)
    await record(
        tx, Action.CHANGE_CREATED, ("change", change.id), actor=actor, change=change.id, reason=change.reason,
        after={"digest": change.digest, "content": shown(change.content.to_json())},
    )  # fmt: skip
    if change.reverts is not None:
        await reverted(tx, actor, change.reverts, change.id, change.reason)
    return change


async def drafted_meaning(
    tx: Transaction, actor: Actor, target: Target, reason: str, reverts: UUID | None = None
) -> ChangeSet:
    """Of what settings mean, which is no environment's own; it waits for others as values do where it is filed."""
    plan = await by_policy(tx, FILED, target.kind, AT_ONCE)
    content = Content((target,), parse_plan(plan, FILED).to_json(), None, None)
    change = ChangeSet(
        id=actor.request or uuid4(), tenant=actor.tenant, author=actor.id, content=content, digest=content.digest,
        reason=reason, created_at=tx.now, reverts=reverts,
    )  # fmt: skip
    return await drafted(tx, actor, change)


async def drafted_before(tx: Transaction, actor: Actor) -> ChangeSet | None:
    """What this very request drafted when it was sent before."""
    return await tx.changes.get(actor.request) if actor.request else None


def meaning(kind: Kind, name: str, base_version: int, content: Json) -> Target:
    """`*` is no scope, so that it stands beside every value and every flag."""
    return Target(FILED, kind, f"*#{name}" if name else "*", base_version, content)
