"""An emergency goes past an approval in the open: who, for which incident, and with a review that is owed."""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from application.closing import close
from application.every_subject import subject_of
from application.notices import tell
from application.ports.records import Review, ReviewCause
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import (
    Approval,
    EmergencyByService,
    ReviewOverdue,
    Standing,
    TooManyEmergencies,
    Voter,
)
from domain.audit import Action
from domain.changes import ChangeSet
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission, PrincipalKind
from domain.rollouts import Rollout

LEAST_REASON = 20
LONGEST_INCIDENT = 100
MOST_A_DAY = 3
DAY = timedelta(hours=24)
PRIORITY = 2


@dataclass(frozen=True)
class Emergency:
    """`incident` is its id where incidents are kept."""

    incident: str
    reason: str

    def on(self, rollout: Rollout) -> Rollout:
        return replace(rollout, emergency=self.incident, priority=PRIORITY)


async def check_emergency(tx: Transaction, actor: Actor, emergency: Emergency) -> None:
    """Whether this person may go past an approval now, and says enough about why.

    Raises PermissionMissing, EmergencyByService, Invalid, ReviewOverdue or TooManyEmergencies.
    """
    actor.require(Permission.CHANGE_BREAKGLASS)
    if actor.kind is not PrincipalKind.HUMAN:
        raise EmergencyByService
    faults = []
    if len(emergency.reason.strip()) < LEAST_REASON:
        faults.append(Fault("/reason", f"at least {LEAST_REASON} characters that say why nobody can be asked"))
    if not 1 <= len(emergency.incident.strip()) <= LONGEST_INCIDENT:
        faults.append(Fault("/incident", f"the id of an incident, at most {LONGEST_INCIDENT} characters"))
    if faults:
        raise Invalid(faults)
    for review in await tx.reviews.all():
        if review.opened_by == actor.id and review.cause is ReviewCause.EMERGENCY and review.overdue(tx.now):
            raise ReviewOverdue(review=str(review.id), due_at=review.due_at.isoformat())
    recent = await tx.reviews.emergencies(DAY)
    if len(recent) >= MOST_A_DAY:
        free_at = recent[-MOST_A_DAY].opened_at + DAY
        raise TooManyEmergencies(most=MOST_A_DAY, retry_after=max(1, math.ceil((free_at - tx.now).total_seconds())))


async def bypass(tx: Transaction, actor: Actor, change: ChangeSet, approval: Approval, emergency: Emergency) -> None:
    """Close the approval, open the review and tell everybody who was not asked; the content is checked as ever."""
    await subject_of(change.target.kind).check_content(tx, change)
    review = Review(
        actor.request or uuid4(), approval.environment, change.label, actor.id, emergency.reason, tx.now, tx.now + DAY,
        cause=ReviewCause.EMERGENCY, change=change.id, incident=emergency.incident, rollout=change.id,
    )  # fmt: skip
    await tx.reviews.open(review)
    said = {"incident": emergency.incident, "standing": Standing.BYPASSED.value}
    await record(tx, Action.EMERGENCY_USED, ("change", change.id), actor=actor, change=change.id,
                 reason=emergency.reason, after={**said, "levels": len(approval.policy.levels)})  # fmt: skip
    await close(tx, approval, Standing.BYPASSED, actor=actor, incident=emergency.incident)
    await record(tx, Action.REVIEW_OPENED, ("review", review.id), actor=actor, change=change.id,
                 reason=emergency.reason, after={"due_at": review.due_at.isoformat(), **said})  # fmt: skip
    facts = {
        "title": f"{change.target.kind.value} {change.label}",
        "environment": approval.environment.value,
        "actor": actor.handle,
        "incident": emergency.incident,
        "deadline": review.due_at.isoformat(timespec="minutes"),
    }
    people = [
        person.id
        for person in await tx.people.all()
        if person.kind is PrincipalKind.HUMAN and Voter.of(person.actor).may_approve
    ]
    await tell(tx, "breakglass_used", [*people, None], facts, link=f"/reviews/{review.id}", seed=review.id)
