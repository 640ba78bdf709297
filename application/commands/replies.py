"""What the product's own commands do: they tell whoever waits how a command ended, until they were heard."""

from typing import Any, Final, Protocol
from uuid import uuid5

from pydantic import BaseModel

from application.commands.handling import Order, handles
from application.destinations import destination_aad
from application.ports.events import NotDelivered, Postman
from application.ports.outward import DestinationKind
from application.ports.secrets import Sealer, Secret
from application.ports.store import Store
from application.sealing import opened, whole
from domain.canonical import Json, canonical_bytes
from domain.commands.answers import BY_WEBHOOK, TO_WORKFLOW
from domain.commands.outcomes import HandlerKind, Permanent, Transient
from domain.commands.policies import TypePolicy
from domain.commands.replies import ReplyTo

PATIENT: Final = TypePolicy(max_attempts=10, backoff=(10, 60, 300, 900, 3600))
"""A receiver that is away for some hours is told in the end; after that a person decides."""


class WebhookReply(BaseModel):
    destination: str
    reply: dict[str, Any]


class WorkflowReply(BaseModel):
    workflow: str
    signal: str
    reply: dict[str, Any]


class Signals(Protocol):
    """Workflows that wait, seen from the core."""

    async def signal(self, workflow: str, name: str, told: dict[str, Json]) -> bool:
        """False when nobody waits there any more; Unavailable when Temporal does not answer."""
        ...


class Replies:
    def __init__(self, store: Store, sealer: Sealer, postman: Postman, signals: Signals) -> None:
        self._store = store
        self._sealer = sealer
        self._postman = postman
        self._signals = signals

    @handles(BY_WEBHOOK, WebhookReply, HandlerKind.EXTERNAL, policy=PATIENT)
    async def by_webhook(self, order: Order, asked: WebhookReply) -> Json:
        """Signed, at the address that its destination has now, and each time under the same id."""
        async with self._store.transaction(order.tenant) as tx:
            place = await tx.outward.destination(asked.destination)
            if place is None or not place.enabled or place.kind is not DestinationKind.WEBHOOK:
                raise Permanent("no-destination", "no webhook of this name is enabled", {"name": asked.destination})
            seal = await whole(tx, self._sealer, place.sealed)
        held = await opened(self._sealer, seal, destination_aad(order.tenant, asked.destination))
        message = uuid5(order.tenant, order.command.id)
        try:
            await self._postman.post(held["url"], message, canonical_bytes(asked.reply), Secret(held["secret"]))
        except NotDelivered as failure:
            reason = str(failure.facts["reason"])
            raise (Permanent if failure.facts.get("gone") else Transient)(reason, "it was not taken") from None
        return {"message": str(message)}

    @handles(TO_WORKFLOW, WorkflowReply, HandlerKind.EXTERNAL, policy=PATIENT)
    async def to_workflow(self, order: Order, asked: WorkflowReply) -> Json:
        """Which command it was and where it stands; what came of it is read where it is kept."""
        if not ReplyTo.by_signal(asked.workflow, asked.signal).waits_in(order.tenant):
            raise Permanent("not-a-waiting-workflow", "it does not wait for replies in this tenant")
        if not await self._signals.signal(asked.workflow, asked.signal, asked.reply):
            raise Permanent("workflow-over", "nobody waits there any more")
        return None
