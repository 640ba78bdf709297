"""Messages go out after what caused them, each by itself; a receiver that is dead or hangs holds up nobody else."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from application.destinations import CHANNELS, destination_aad, place_of, spread, spread_list
from application.faring import Fared, Sent
from application.ports.links import LONGEST, Link, LinkSeals
from application.ports.notify import Channel, DeliveryFailed, DeliveryRefused, Message, Notifier, Recipient, Section
from application.ports.outward import Destination, DestinationKind
from application.ports.records import Notice
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer, Secret
from application.ports.store import Store, Transaction
from application.sealing import opened, whole
from application.summaries import about, reviewed, summary
from domain.approvals import Approval, Standing

ASKING: Final = frozenset({"approval_requested", "approval_reminder"})
"""Whoever gets one of these may vote from it."""
DETAILED: Final = ASKING | {"votes_invalidated", "breakglass_used"}

log = structlog.get_logger()


@dataclass(frozen=True)
class Outlets:
    """`origin` begins every link; without the installation's `webhook`, or without `mail`, nobody is told that way."""

    origin: str
    webhook: str | None = None
    mail: bool = True


class Delivery:
    """Sends what is due, each by itself: it is put off while it is tried, so no transaction waits for a receiver."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        outlets: Outlets,
        *,
        sealer: Sealer | None = None,
        links: LinkSeals | None = None,
    ) -> None:
        """`sealer` opens the addresses of destinations; with `links` whoever is asked can vote from the message."""
        self._store = store
        self._notifier = notifier
        self._origin = outlets.origin.rstrip("/")
        self._webhook = outlets.webhook
        self._mail = outlets.mail
        self._sealer = sealer
        self._links = links

    async def deliver(self, tenant: UUID, notice: UUID) -> Sent | None:
        """How it fared; None where it was not ours to try, or there was nobody to tell."""
        async with self._store.transaction(tenant) as tx:
            due = await tx.notices.claim(notice)
        if due is None:
            return None
        async with self._store.transaction(tenant) as tx:  # whatever fails here waits until the claim has lapsed
            draft = await self._draft(tx, due)
        channel, failure = await self._attempt(tenant, due, draft)
        async with self._store.transaction(tenant) as tx:
            fared = await _settle(tx, due, failure)
        return Sent(channel, fared) if channel is not None else None

    async def _draft(self, tx: Transaction, due: Notice) -> "Draft":
        if due.destination is not None:
            place = await tx.outward.destination(due.destination)
            seal = await whole(tx, self._sealer, place.sealed) if place and place.enabled and self._sealer else None
            return Draft(place, seal, None, await self._link(tx, due), *await _details(tx, due))
        if due.recipient is None:
            await spread(tx, due)
        recipient = await self._recipient(tx, due)
        if recipient is None:  # there is nobody to tell, so nothing is looked up
            return Draft(None, None, None, "", {}, ())
        return Draft(None, None, recipient, await self._link(tx, due), *await _details(tx, due))

    async def _attempt(self, tenant: UUID, due: Notice, draft: "Draft") -> tuple[Channel | None, DeliveryFailed | None]:
        """On which channel, if there was anybody to tell, and why it did not arrive."""
        channel = CHANNELS[draft.place.kind] if draft.place is not None else None
        try:
            recipient = draft.recipient or await self._opened(tenant, due, draft)
            if recipient is None:
                return None, None
            channel = recipient.channel
            await self._notifier.deliver(
                Message(due.id, due.template, recipient, draft.facts, draft.link, draft.sections)
            )
        except DeliveryFailed as failure:
            return channel, failure
        except (SealBroken, KeysUnavailable) as failure:
            return channel, DeliveryFailed(reason=failure.kind)
        return channel, None

    async def _opened(self, tenant: UUID, due: Notice, draft: "Draft") -> Recipient | None:
        if draft.place is None or draft.seal is None or self._sealer is None:
            return None
        held = await opened(self._sealer, draft.seal, destination_aad(tenant, draft.place.name))
        if draft.place.kind is not DestinationKind.EMAIL_LIST:
            secret = Secret(held["secret"]) if held["secret"] else None
            return Recipient(CHANNELS[draft.place.kind], held["url"], secret=secret)
        if due.place is None:
            async with self._store.transaction(tenant) as tx:
                await spread_list(tx, due, held["addresses"])
            return None
        found = next((each for each in held["addresses"] if place_of(each) == due.place), None)
        return Recipient(Channel.MAIL, found) if found and self._mail else None

    async def _recipient(self, tx: Transaction, due: Notice) -> Recipient | None:
        """None when the person has no address, or the installation no webhook: there is nobody to tell."""
        if due.recipient is None:
            return Recipient(Channel.WEBHOOK, self._webhook) if self._webhook else None
        found = await tx.people.by_ids([due.recipient]) if self._mail else []
        if not found or found[0].email is None:
            return None
        return Recipient(Channel.MAIL, found[0].email, found[0].handle)

    async def _link(self, tx: Transaction, due: Notice) -> str:
        change = about(due.link)
        if self._links is not None and due.recipient is not None and change is not None and due.template in ASKING:
            approval = await tx.approvals.get(change)
            if approval is not None and approval.standing is Standing.PENDING:
                return f"{self._origin}/a/{self._links.issue(link_for(due, approval))}"
        return f"{self._origin}{due.link}"


@dataclass(frozen=True)
class Draft:
    """A message before its recipient is known: whose address is sealed is opened outside of the transaction."""

    place: Destination | None
    seal: str | None
    recipient: Recipient | None
    link: str
    facts: dict[str, str]
    sections: tuple[Section, ...]


def link_for(due: Notice, approval: Approval) -> Link:
    """Holds until the request expires, and never longer than three days."""
    if due.recipient is None:
        raise LookupError("a link is for a person")
    until = min(approval.timetable.deadline, due.created_at + LONGEST)
    return Link(due.id, approval.tenant, due.recipient, approval.id, approval.digest, until)


async def _details(tx: Transaction, due: Notice) -> tuple[dict[str, str], tuple[Section, ...]]:
    """Facts and sections; what a person wrote as a reason is read from the review that it was written for."""
    change, facts, review_id = about(due.link), dict(due.facts), reviewed(due.link)
    review = await tx.reviews.get(review_id) if review_id is not None else None
    if review is not None and review.change is not None:
        change, facts["reason"] = review.change, review.reason
    if change is None or due.template not in DETAILED:
        return facts, ()
    return facts, await summary(tx, change)


async def _settle(tx: Transaction, due: Notice, failure: DeliveryFailed | None) -> Fared:
    if due.destination is not None:
        await tx.outward.told(due.destination, str(failure.facts.get("reason")) if failure else None)
    if failure is None:
        await tx.notices.delivered(due.id)
        return Fared.DELIVERED
    last = await tx.notices.failed(due.id, failure.kind, final=isinstance(failure, DeliveryRefused))
    log.warning(
        "notice.given_up" if last else "notice.delayed",
        notice=str(due.id),
        attempts=due.attempts + 1,
        reason=failure.facts.get("reason"),
    )
    return Fared.GIVEN_UP if last else Fared.RETRIED
