"""A change of what settings mean begins as a draft."""

from uuid import UUID, uuid4

from application.drafts.filing import filed
from application.locking.rules import by_policy
from application.ports.store import Transaction
from application.settings.targets import AT_ONCE
from domain.canonical import Json
from domain.changes import ChangeSet, Content, Kind, Target
from domain.environments import Environment
from domain.people import Actor
from domain.rollouts import parse_plan

FILED = Environment.PRODUCTION
"""Where a change is filed that holds in every environment."""


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
    await filed(tx, actor, change)
    return change


async def drafted_before(tx: Transaction, actor: Actor) -> ChangeSet | None:
    """What this very request drafted when it was sent before."""
    return await tx.changes.get(actor.request) if actor.request else None


def meaning(kind: Kind, name: str, base_version: int, content: Json) -> Target:
    """`*` is no scope, so that it stands beside every value and every flag."""
    return Target(FILED, kind, f"*#{name}" if name else "*", base_version, content)
