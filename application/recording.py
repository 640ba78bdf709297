"""A state change and its audit event are written by the same transaction, or neither is."""

from datetime import datetime
from uuid import UUID, uuid4

from application import course
from application.ports.store import Transaction
from domain.audit import Action, Event, Outcome
from domain.canonical import Json
from domain.people import Actor


async def record(
    tx: Transaction,
    action: Action,
    resource: tuple[str, object],
    *,
    actor: Actor | UUID | None = None,
    **facts: Json,
) -> None:
    """`resource` is (type, id). `facts` are fields of the event: reason, before, after, change, outcome."""
    await tx.audit.append(event_of(tx, action, resource, actor=actor, **facts))


async def reverted(tx: Transaction, actor: Actor, change: UUID, by: UUID | None, reason: str) -> None:
    """In the trail of the change that was taken back; `by` is the change that does so, if it takes one."""
    after = {"by": str(by)} if by else None
    await record(tx, Action.CHANGE_REVERTED, ("change", change), actor=actor, change=change, reason=reason, after=after)


def event_of(
    tx: Transaction,
    action: Action,
    resource: tuple[str, object],
    *,
    actor: Actor | UUID | None = None,
    **facts: Json,
) -> Event:
    """For those who write many at once."""
    here = course.present()
    return Event(
        id=uuid4(),
        tenant=tx.tenant,
        occurred_at=_moment(facts.pop("at", None), tx),
        action=action,
        resource_type=resource[0],
        resource=str(resource[1]),
        actor=actor.id if isinstance(actor, Actor) else actor,
        actor_type=actor.kind.value if isinstance(actor, Actor) else ("human" if actor else "system"),
        outcome=facts.pop("outcome", Outcome.SUCCESS),
        workflow_id=here.workflow_id,
        run_id=here.run_id,
        trace_id=here.trace_id,
        source_ip=here.source_ip,
        **facts,
    )


def _moment(given: datetime | None, tx: Transaction) -> datetime:
    return given or tx.now
