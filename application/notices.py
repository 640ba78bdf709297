"""Messages are written with the change that causes them and go out afterwards; a dead mail server blocks nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID, uuid5

from application.ports.outward import Ticket
from application.ports.records import Notice
from application.ports.store import Transaction
from domain.approvals import Approval, Level, Voter
from domain.people import Principal, PrincipalKind


async def tell(
    tx: Transaction, template: str, people: Iterable[UUID | None], facts: Mapping[str, str], *, link: str, seed: UUID
) -> None:
    """One notice for each person (None is the tenant's webhook); telling twice from the same seed is telling once."""
    for person in people:
        notice = uuid5(seed, f"{template}/{facts.get('level', '')}/{facts.get('occasion', '')}/{person}")
        await tx.notices.add(Notice(notice, template, person, dict(facts), link, tx.now))


async def tell_approvers(
    tx: Transaction, template: str, facts: Mapping[str, str], *, link: str, seed: UUID, level: Level | None = None
) -> None:
    """Everybody who may vote on `level`, or on anything, and the tenant's webhook."""
    people = [person for person in await tx.people.all() if _approves(person, level)]
    await tell(tx, template, [*(person.id for person in people), None], facts, link=link, seed=seed)


async def tell_level(tx: Transaction, template: str, approval: Approval, facts: Mapping[str, str]) -> None:
    """The approvers of the open level; a system outside gets a ticket, and the tenant's webhook hears of it."""
    index = approval.tally.level
    if index < len(approval.policy.levels):
        level = approval.policy.levels[index]
        named = {**facts, "level": str(index + 1)}
        if level.external is not None:
            await tx.outward.open_ticket(ticket_of(approval, index, level.external, tx.now))
        await tell_approvers(tx, template, named, link=f"/approvals/{approval.id}", seed=approval.id, level=level)


def ticket_of(approval: Approval, level: int, system: str, now: datetime) -> Ticket:
    """The same one however often the level is opened: it is bound to the content that was asked about."""
    name = f"ticket/{level}/{system}/{approval.digest}"
    return Ticket(uuid5(approval.id, name), approval.id, level, system, approval.digest, now)


def _approves(person: Principal, level: Level | None) -> bool:
    if person.kind is not PrincipalKind.HUMAN:
        return False
    voter = Voter.of(person.actor)
    return voter.may_approve if level is None else voter.fits(level)
