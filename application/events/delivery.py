"""A webhook is called outside of any transaction, by a command that is tried until the event was taken or is dead."""

from collections import Counter
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel

from application.commands.handling import Order, handles
from application.events.webhooks import secret_aad
from application.faring import Fared, Sent
from application.notices import tell
from application.ports.events import NotDelivered, Postman
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import whole
from domain.audit import Action
from domain.canonical import Json, canonical_bytes
from domain.commands.outcomes import HandlerKind, Permanent, Transient
from domain.commands.policies import TypePolicy
from domain.events import (
    ARRIVED,
    DELIVER_EVENT,
    DISABLED_AFTER,
    GONE,
    MOST_ATTEMPTS,
    OFF,
    PAUSES,
    EventType,
    Subscription,
)

KIND: Final = "event"
POLICY: Final = TypePolicy(
    max_attempts=MOST_ATTEMPTS, backoff=PAUSES, depends_on="webhook", apart="/webhook", kept_days=30
)  # fmt: skip

log = structlog.get_logger()


class DeliverEvent(BaseModel):
    delivery: UUID
    webhook: UUID


class EventDelivery:
    """At least once: who dies between the call and the writing down is followed by another call with the same id.

    Counts in `fared` how each attempt fared.
    """

    def __init__(self, store: Store, sealer: Sealer, postman: Postman, fared: Counter[Sent]) -> None:
        self._store = store
        self._sealer = sealer
        self._postman = postman
        self._fared = fared

    @handles(DELIVER_EVENT, DeliverEvent, HandlerKind.EXTERNAL, policy=POLICY)
    async def deliver(self, order: Order, asked: DeliverEvent) -> Json:
        """Signed with the secret that its webhook has now; a test also reaches one that is off."""
        async with self._store.transaction(order.tenant) as tx:
            delivery = await tx.webhooks.delivery(asked.delivery)
            webhook = await tx.webhooks.get(asked.webhook)
            if delivery is None or webhook is None:
                return GONE
            if not (webhook.wants.enabled or delivery.type is EventType.WEBHOOK_TESTED):
                return OFF
            seal = await whole(tx, self._sealer, webhook.sealed)
        try:
            secret = await self._sealer.open(seal, secret_aad(order.tenant, webhook.id))
            await self._postman.post(webhook.wants.url, delivery.event, canonical_bytes(delivery.body), secret)
        except NotDelivered as failure:
            why, gone = str(failure.facts.get("reason")), bool(failure.facts.get("gone"))
            return await self._failed(order, webhook.id, why, gone=gone)
        except (SealBroken, KeysUnavailable) as failure:
            return await self._failed(order, webhook.id, failure.kind)
        if webhook.failing_since is not None:
            await self._mended(order.tenant, webhook.id)
        self._count(Fared.DELIVERED)
        return ARRIVED

    async def _mended(self, tenant: UUID, webhook: UUID) -> None:
        async with self._store.transaction(tenant) as tx:
            present = await tx.webhooks.get(webhook, lock=True)
            if present is not None:
                await tx.webhooks.save(replace(present, failing_since=None))

    async def _failed(self, order: Order, webhook: UUID, why: str, *, gone: bool = False) -> Json:
        log.warning("webhook.failed", webhook=str(webhook), attempts=order.attempt, reason=why)
        async with self._store.transaction(order.tenant) as tx:
            present = await tx.webhooks.get(webhook, lock=True)
            if present is None:
                return GONE
            failing = replace(present, failing_since=present.failing_since or tx.now)
            await tx.webhooks.save(failing)
            if failing.wants.enabled and (gone or _too_long(failing, tx)):
                await _switched_off(tx, failing, why)
        self._count(Fared.GIVEN_UP if gone or order.attempt >= MOST_ATTEMPTS else Fared.RETRIED)
        raise (Permanent if gone else Transient)(why, "the webhook did not take the event")

    def _count(self, fared: Fared) -> None:
        self._fared[Sent(KIND, fared)] += 1


def _too_long(failing: Subscription, tx: Transaction) -> bool:
    return failing.failing_since is not None and tx.now - failing.failing_since >= DISABLED_AFTER


async def _switched_off(tx: Transaction, failing: Subscription, why: str) -> None:
    off = replace(
        failing, version=failing.version + 1, wants=replace(failing.wants, enabled=False), disabled_because=why
    )
    await tx.webhooks.save(off)
    host = str(failing.wants.to_json()["host"])
    since = (failing.failing_since or tx.now).isoformat(timespec="minutes")
    await record(
        tx, Action.WEBHOOK_DISABLED, ("webhook", failing.id), reason=why, after={"host": host, "failing_since": since}
    )
    facts = {"host": host, "since": since, "reason": why, "occasion": str(off.version)}
    await tell(tx, "webhook_disabled", [failing.owner, None], facts, link=f"/webhooks/{failing.id}", seed=failing.id)
