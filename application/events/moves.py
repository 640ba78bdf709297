"""Each step of a deployment is told, with what it was and by which check it was judged; never with what it exposes."""

from application.ports.store import Transaction
from domain.events import Event, EventType, Subject, new_event_id
from domain.rollouts import Rollout, Transition


async def tell_move(tx: Transaction, rollout: Rollout, line: Transition) -> None:
    latest = await tx.evidence.latest(rollout.id) if rollout.verdict is not None else None
    facts = {
        "deployment": str(rollout.id),
        "kind": rollout.kind.value,
        "seq": line.seq,
        "from": line.from_state.value if line.from_state else None,
        "to": line.to_state.value,
        "cause": line.cause,
        "stage": line.stage,
        "exposure": line.percent,
        "verdict": rollout.verdict.value if rollout.verdict else None,
        "evidence": latest.number if latest else None,
    }
    subject = Subject(rollout.key, version=rollout.live_version)
    # Told when it is committed, whatever the workflow's clock says: an event of later would be a plan.
    await tx.events.add(
        Event(
            new_event_id(tx.now), EventType.DEPLOYMENT_MOVED, tx.tenant, rollout.environment, subject, tx.now,
            line.actor, rollout.change, facts=facts,
        )
    )  # fmt: skip
