"""Messages are written with the change that causes them and go out afterwards; a dead mail server blocks nothing."""

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid5

import structlog

from application.ports.notify import Channel, DeliveryFailed, DeliveryRefused, Message, Notifier, Recipient
from application.ports.records import Notice
from application.ports.store import Store, Transaction
from domain.approvals import Approval, Level, Voter
from domain.people import Permission, Principal, PrincipalKind

log = structlog.get_logger()


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
    """The approvers of the open level."""
    index = approval.tally.level
    if index < len(approval.policy.levels):
        level = approval.policy.levels[index]
        named = {**facts, "level": str(index + 1)}
        await tell_approvers(tx, template, named, link=f"/approvals/{approval.id}", seed=approval.id, level=level)


def _approves(person: Principal, level: Level | None) -> bool:
    if person.kind is not PrincipalKind.HUMAN or Permission.CHANGE_APPROVE not in person.actor.permissions:
        return False
    return level is None or Voter.of(person.actor).fits(level)


class Delivery:
    """Sends what is due, each notice in its own transaction, so that one dead address holds nobody up."""

    def __init__(
        self, store: Store, notifier: Notifier, *, origin: str, webhook: str | None = None, mail: bool = True
    ) -> None:
        """`origin` begins every link; without `webhook`, or without `mail`, nobody is told that way."""
        self._store = store
        self._notifier = notifier
        self._origin = origin.rstrip("/")
        self._webhook = webhook
        self._mail = mail

    async def deliver(self, tenant: UUID, notice: UUID) -> None:
        async with self._store.transaction(tenant) as tx:
            for due in await tx.notices.due([notice]):
                recipient = await self._recipient(tx, due)
                if recipient is None:
                    await tx.notices.delivered(due.id)
                    continue
                message = Message(due.id, due.template, recipient, due.facts, f"{self._origin}{due.link}")
                try:
                    await self._notifier.deliver(message)
                except DeliveryRefused as refusal:
                    log.warning("notice.refused", notice=str(due.id), reason=refusal.facts.get("reason"))
                    await tx.notices.failed(due.id, refusal.kind, final=True)
                except DeliveryFailed as failure:
                    log.warning("notice.delayed", notice=str(due.id), attempts=due.attempts + 1)
                    await tx.notices.failed(due.id, failure.kind)
                else:
                    await tx.notices.delivered(due.id)

    async def _recipient(self, tx: Transaction, due: Notice) -> Recipient | None:
        """None when the person has no address, or the tenant no webhook: there is nobody to tell."""
        if due.recipient is None:
            return Recipient(Channel.WEBHOOK, self._webhook) if self._webhook else None
        found = await tx.people.by_ids([due.recipient]) if self._mail else []
        if not found or found[0].email is None:
            return None
        return Recipient(Channel.MAIL, found[0].email, found[0].handle)
