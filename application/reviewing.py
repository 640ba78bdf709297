"""What was done without asking is looked at afterwards, by somebody else, within a day; who is late is told on."""

from typing import Protocol
from uuid import UUID

from application.acting import done, remember
from application.notices import tell
from application.ports.approvals import OverdueReviews
from application.ports.processes import Processes
from application.ports.records import Review, ReviewCause
from application.ports.store import Store, Transaction
from application.recording import record
from application.rounds import again_and_again, attended
from domain.approvals import ReviewByService, ReviewClosed, SelfReview, Voter
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission, PrincipalKind

LEAST_FINDING = 10
PAUSE = 30.0


class Reviewing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, actor: Actor, *, owed: bool = False) -> list[Review]:
        """The newest first; only those that are still owed, if that is asked."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return [each for each in await tx.reviews.all() if each.closed_at is None or not owed]

    async def get(self, actor: Actor, review_id: UUID) -> Review:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, review_id)

    async def close(self, actor: Actor, review_id: UUID, finding: str) -> Review:
        """By a person who may approve, and neither did it nor wrote the change.

        Raises SelfReview, ReviewByService, ReviewClosed, or Invalid for a finding that says nothing.
        """
        actor.require(Permission.CHANGE_APPROVE)
        async with self._store.transaction(actor.tenant) as tx:
            review = await _existing(tx, review_id, lock=True)
            if await done(tx, actor):
                return review
            await _check(tx, actor, review)
            if len(finding.strip()) < LEAST_FINDING:
                raise Invalid([Fault("/finding", f"at least {LEAST_FINDING} characters that say what was found")])
            await tx.reviews.close(review_id, actor.id, finding)
            await remember(tx, actor, "close-review")
            await record(tx, Action.REVIEW_CLOSED, ("review", review_id), actor=actor, change=review.change,
                         reason=finding, before={"due_at": review.due_at.isoformat()})  # fmt: skip
            return await _existing(tx, review_id)


class OverdueStore(Store, OverdueReviews, Protocol):
    """A store that can be asked what every tenant owes."""


class Overdue:
    """Finds reviews whose time is over, and tells approvers, administrators and whoever owes them; once each.

    Tells the processes of emergencies that have not heard of theirs, too.
    """

    def __init__(self, store: OverdueStore, processes: Processes, *, pause: float = PAUSE) -> None:
        self._store = store
        self._processes = processes
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage only delays it."""
        await again_and_again("reviews", self.sweep, self._pause)

    async def sweep(self) -> int:
        found = await self._store.overdue_reviews()
        for tenant, review in found:
            await attended(self.escalate(tenant, review), what="review", id=str(review))
        for change in await self._store.unheard_emergencies():
            await attended(self._processes.closed(change), what="emergency", id=str(change))
        return len(found)

    async def escalate(self, tenant: UUID, review_id: UUID) -> None:
        async with self._store.transaction(tenant) as tx:
            review = await _existing(tx, review_id, lock=True)
            if review.escalated_at is not None or not review.overdue(tx.now):
                return
            await tx.reviews.escalate(review_id, tx.now)
            await record(tx, Action.REVIEW_OVERDUE, ("review", review_id), change=review.change,
                         after={"due_at": review.due_at.isoformat(), "owed_by": str(review.opened_by)})  # fmt: skip
            await tell(tx, "review_overdue", await _people(tx, review), await _facts(tx, review),
                       link=f"/reviews/{review_id}", seed=review_id)  # fmt: skip


async def _existing(tx: Transaction, review_id: UUID, *, lock: bool = False) -> Review:
    review = await tx.reviews.get(review_id, lock=lock)
    if review is None:
        raise Missing(kind_of_thing="review", id=str(review_id))
    return review


async def _check(tx: Transaction, actor: Actor, review: Review) -> None:
    if actor.kind is not PrincipalKind.HUMAN:
        raise ReviewByService
    change = await tx.changes.get(review.change) if review.change else None
    if actor.id == review.opened_by or (change is not None and actor.id in change.authors):
        raise SelfReview
    if review.closed_at is not None:
        raise ReviewClosed(closed_at=review.closed_at.isoformat())


async def _people(tx: Transaction, review: Review) -> list[UUID | None]:
    told = [
        person.id
        for person in await tx.people.all()
        if person.kind is PrincipalKind.HUMAN
        and (Voter.of(person.actor).may_approve or Permission.POLICY_MANAGE in person.actor.permissions)
    ]
    return [*dict.fromkeys((review.opened_by, *told)), None]


async def _facts(tx: Transaction, review: Review) -> dict[str, str]:
    owes = await tx.people.actor(review.opened_by)
    cause = "an emergency" if review.cause is ReviewCause.EMERGENCY else "a kill switch"
    return {
        "title": review.key,
        "environment": review.environment.value,
        "actor": owes.handle if owes else "",
        "cause": cause,
        "deadline": review.due_at.isoformat(timespec="minutes"),
    }
