"""A worker holds a delivery on lease, calls the webhook outside of any transaction, and writes down how it went."""

import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from application.events.webhooks import secret_aad
from application.faring import Fared, Sent
from application.notices import tell
from application.ports.events import NotDelivered, Postman
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import whole
from domain.audit import Action
from domain.canonical import canonical_bytes
from domain.events import DISABLED_AFTER, Delivery, DeliveryState, Subscription, longest_pause

log = structlog.get_logger()

KIND = "event"
_NONE = timedelta()


class EventDelivery:
    """At least once: who dies between the call and the writing down is followed by another call with the same id."""

    def __init__(self, store: Store, sealer: Sealer, postman: Postman) -> None:
        self._store = store
        self._sealer = sealer
        self._postman = postman

    async def deliver(self, tenant: UUID, delivery: UUID) -> Sent | None:
        """How it fared; None where it was not ours to try, or no longer when it had been."""
        async with self._store.transaction(tenant) as tx:
            claimed = await tx.webhooks.claim(delivery, uuid4())
            subscription = await tx.webhooks.get(claimed.webhook) if claimed else None
            if claimed is None or subscription is None:
                return None
            seal = await whole(tx, self._sealer, subscription.sealed)
        try:
            secret = await self._sealer.open(seal, secret_aad(tenant, subscription.id))
            body = canonical_bytes(claimed.body)
            await self._postman.post(subscription.wants.url, claimed.event, body, secret)
        except NotDelivered as failure:
            why, gone = str(failure.facts.get("reason")), bool(failure.facts.get("gone"))
            return await self._failed(tenant, claimed, why, gone=gone)
        except (SealBroken, KeysUnavailable) as failure:
            return await self._failed(tenant, claimed, failure.kind)
        async with self._store.transaction(tenant) as tx:
            if subscription.failing_since is not None:  # the webhook before its delivery, as whoever removes it does
                await self._mended(tx, subscription.id)
            ours = await tx.webhooks.settle(claimed, DeliveryState.DELIVERED, None, _NONE)
        return Sent(KIND, Fared.DELIVERED) if ours else None

    async def _mended(self, tx: Transaction, webhook: UUID) -> None:
        present = await tx.webhooks.get(webhook, lock=True)
        if present is not None:
            await tx.webhooks.save(replace(present, failing_since=None))

    async def _failed(self, tenant: UUID, delivery: Delivery, why: str, *, gone: bool = False) -> Sent | None:
        log.warning("webhook.failed", webhook=str(delivery.webhook), attempts=delivery.attempts, reason=why)
        dead = gone or delivery.last_chance
        pause = longest_pause(delivery.attempts) * random.uniform(0.5, 1)
        async with self._store.transaction(tenant) as tx:
            present = await tx.webhooks.get(delivery.webhook, lock=True)
            state = DeliveryState.DEAD if dead else DeliveryState.DUE
            if not await tx.webhooks.settle(delivery, state, why, pause) or present is None:
                return None
            failing = replace(present, failing_since=present.failing_since or tx.now)
            await tx.webhooks.save(failing)
            if failing.wants.enabled and (gone or _too_long(failing, tx)):
                await _switched_off(tx, failing, why)
        return Sent(KIND, Fared.GIVEN_UP if dead else Fared.RETRIED)


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
