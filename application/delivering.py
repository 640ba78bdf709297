"""A message is written when it goes out, from what the database says then, and handed to its channel."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.destinations import CHANNELS, destination_aad, place_of, spread_list
from application.ports.links import LONGEST, Link, LinkSeals
from application.ports.notify import Channel, DeliveryFailed, Message, Notifier, Recipient, Section
from application.ports.outward import Destination, DestinationKind
from application.ports.records import Notice
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer, Secret
from application.ports.store import Store, Transaction
from application.sealing import opened, whole
from application.summaries import about, reviewed, summary
from domain.approvals import Approval, Standing
from domain.canonical import Json

ASKING: Final = frozenset({"approval_requested", "approval_reminder"})
"""Whoever gets one of these may vote from it."""
DETAILED: Final = ASKING | {"votes_invalidated", "breakglass_used"}


@dataclass(frozen=True)
class Outlets:
    """`origin` begins every link; without the installation's `webhook`, or without `mail`, nobody is told that way."""

    origin: str
    webhook: str | None = None
    mail: bool = True


@dataclass(frozen=True)
class Attempt:
    """On which channel, if there was anybody to tell; why it did not arrive; and whom else it became messages for."""

    channel: Channel | None = None
    failure: DeliveryFailed | None = None
    spread: tuple[Notice, ...] = ()


class Delivery:
    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        outlets: Outlets,
        sealer: Sealer,
        *,
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

    async def attempt(self, tenant: UUID, due: Notice) -> Attempt:
        """No transaction waits for a receiver."""
        async with self._store.transaction(tenant) as tx:
            draft = await self._draft(tx, due)
        recipient, place = draft.recipient, draft.place
        channel = CHANNELS[place.kind] if place is not None else None
        try:
            if place is not None:
                held = await opened(self._sealer, draft.seal, destination_aad(tenant, place.name))
                if place.kind is DestinationKind.EMAIL_LIST and due.place is None:
                    return Attempt(spread=tuple(spread_list(due, held["addresses"])))
                recipient = self._outside(place, due, held)
            if recipient is None:
                return Attempt()
            channel = recipient.channel
            await self._notifier.deliver(
                Message(due.id, due.template, recipient, draft.facts, draft.link, draft.sections)
            )
        except DeliveryFailed as failure:
            return Attempt(channel, failure)
        except (SealBroken, KeysUnavailable) as failure:
            return Attempt(channel, DeliveryFailed(reason=failure.kind))
        return Attempt(channel)

    async def _draft(self, tx: Transaction, due: Notice) -> "Draft":
        place = await tx.outward.destination(due.destination) if due.destination is not None else None
        recipient = await self._recipient(tx, due) if due.destination is None else None
        if place is not None and place.enabled:
            seal = await whole(tx, self._sealer, place.sealed)
            return Draft(place, seal, None, await self._link(tx, due), *await _details(tx, due))
        if recipient is None:  # there is nobody to tell, so nothing is looked up
            return Draft(None, "", None, "", {}, ())
        return Draft(None, "", recipient, await self._link(tx, due), *await _details(tx, due))

    def _outside(self, place: Destination, due: Notice, held: Json) -> Recipient | None:
        if place.kind is not DestinationKind.EMAIL_LIST:
            secret = Secret(held["secret"]) if held["secret"] else None
            return Recipient(CHANNELS[place.kind], held["url"], secret=secret)
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
    seal: str
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
