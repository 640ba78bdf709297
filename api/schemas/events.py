"""Events and webhooks on the wire: where something changed, and never to what."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.events.webhooks import Subscribed
from domain.environments import Environment
from domain.events import Delivery, DeliveryState, Event, EventType, Subscription, Wants


class SubjectOut(Out):
    """An import has no key of its own, and only values have a scope."""

    key: str | None
    scope: str | None
    version: int | None


class EventOut(Out):
    """`at` is when it takes effect; no environment is all of them. `facts` are those of a deployment's step."""

    id: UUID
    type: EventType
    tenant: UUID
    environment: Environment | None
    subject: SubjectOut
    at: datetime
    actor: UUID | None
    change: UUID | None
    epoch: int | None
    facts: Object | None

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        return cls.model_validate(event.to_json())


class WatchOut(Out):
    """`cursor` is where to go on; with `resync` events were missed, and everything has to be read anew."""

    cursor: str
    resync: bool
    events: list[EventOut]


class WebhookIn(In):
    """No types are all types, no environments all environments; `prefix` is what keys begin with."""

    url: Annotated[str, Field(min_length=1, max_length=2000, examples=["https://receiver.example/changegate"])]
    types: Annotated[tuple[EventType, ...], Field(max_length=20)] = ()
    environments: Annotated[tuple[Environment, ...], Field(max_length=4)] = ()
    prefix: Annotated[str, Field(max_length=200)] = ""
    enabled: bool = True
    description: Annotated[str, Field(max_length=500)] = ""
    reason: Reason

    def wants(self) -> Wants:
        types, environments = tuple(dict.fromkeys(self.types)), tuple(dict.fromkeys(self.environments))
        return Wants(self.url, types, environments, self.prefix, self.enabled, self.description)


class WebhookOut(Out):
    """`failing_since` is when deliveries began to fail without one that arrived."""

    id: UUID
    version: int
    url: str
    types: list[EventType]
    environments: list[Environment]
    prefix: str
    enabled: bool
    description: str
    owner: UUID
    created_at: datetime
    failing_since: datetime | None
    disabled_because: str | None

    @classmethod
    def of(cls, webhook: Subscription) -> "WebhookOut":
        return cls(**_told(webhook))


class WebhookSecretOut(WebhookOut):
    """`secret` signs what is delivered (Standard Webhooks); it is shown once, and null when this answer is repeated."""

    secret: str | None

    @classmethod
    def hidden(cls, subscribed: Subscribed) -> "WebhookSecretOut":
        return cls(**_told(subscribed.subscription), secret=None)


class WebhookList(Out):
    items: list[WebhookOut]

    @classmethod
    def of(cls, webhooks: list[Subscription]) -> "WebhookList":
        return cls(items=[WebhookOut.of(each) for each in webhooks])


class DeliveryOut(Out):
    """`event` is the id that the receiver sees as `webhook-id`, however often it is delivered.

    `command` carries it, or carried it last, in the domain `changegate`; null while none does.
    """

    id: UUID
    webhook: UUID
    event: UUID
    type: EventType
    state: DeliveryState
    attempts: int
    last_error: str | None
    created_at: datetime
    settled_at: datetime | None
    command: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        return cls(
            id=delivery.id, webhook=delivery.webhook, event=delivery.event, type=delivery.type, state=delivery.state,
            attempts=delivery.attempts, last_error=delivery.last_error, created_at=delivery.created_at,
            settled_at=delivery.settled_at, command=delivery.command,
        )  # fmt: skip


class DeliveryPage(Out):
    items: list[DeliveryOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Delivery], str | None]) -> "DeliveryPage":
        return cls(items=[DeliveryOut.of(each) for each in page[0]], next_cursor=page[1])


def _told(webhook: Subscription) -> dict[str, Any]:
    wants = webhook.wants
    return {
        "id": webhook.id,
        "version": webhook.version,
        "url": wants.url,
        "types": list(wants.types),
        "environments": list(wants.environments),
        "prefix": wants.prefix,
        "enabled": wants.enabled,
        "description": wants.description,
        "owner": webhook.owner,
        "created_at": webhook.created_at,
        "failing_since": webhook.failing_since,
        "disabled_because": webhook.disabled_because,
    }
