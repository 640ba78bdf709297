"""Messages are written with the change that causes them, each with the command that delivers it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from application.commands.following import sent_on
from application.destinations import spread
from application.notice_commands import delivering
from application.ports.outward import Ticket
from application.ports.records import Notice
from application.ports.store import Transaction
from domain.approvals import Approval, Level, Voter
from domain.commands import Options
from domain.people import Principal, PrincipalKind


async def tell(
    tx: Transaction, template: str, people: Iterable[UUID | None], facts: Mapping[str, str], *, link: str, seed: UUID
) -> None:
    """One notice for each person, and for None the tenant's webhook and each destination that wants it.

    Telling twice from the same seed is telling once. What is told from one seed has it as its correlation.
    """
    notices = []
    for person in people:
        name = f"{template}/{facts.get('level', '')}/{facts.get('occasion', '')}/{person}"
        told = Notice(uuid5(seed, name), template, person, dict(facts), link, tx.now)
        notices += [told, *(await spread(tx, told) if person is None else ())]
    await send_notices(tx, notices, Options(correlation=seed))


async def send_notices(tx: Transaction, notices: Sequence[Notice], options: Options) -> None:
    """Those that were not sent before."""
    new = await tx.notices.add(notices)
    sent = {each.id: each for each in notices if each.id in new}
    await sent_on(tx, [delivering(each, options) for each in sent.values()], None)


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
