"""Webhooks are subscribed by who may, under a secret that is shown once."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from application.commands.acts import Wish, made, open_one
from application.commands.moves import moved
from application.events.publishing import delivery_of, handed_out
from application.ports.secrets import Sealer, Secret
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import bound_to, sealed_apart
from domain.audit import Action
from domain.canonical import Json
from domain.changes import NothingChanges
from domain.commands import WAITING, CommandError, CommandState
from domain.commands.answers import OWN
from domain.commands.operations import Act, Decision, Parked
from domain.errors import Conflict, Fault, Invalid, Missing, Stale
from domain.events import (
    Delivery,
    DeliveryState,
    Event,
    EventType,
    Subject,
    Subscription,
    Wants,
    check_wants,
    new_event_id,
)
from domain.people import Actor, Permission

MOST_WEBHOOKS: Final = 100
_REMOVED: Final = CommandError("removed", "webhook-removed", "its webhook was removed")
_AT_ONCE: Final = 1000


class TooManyWebhooks(Conflict):
    """This tenant has as many webhooks as it may have."""

    kind = "too-many-webhooks"


class StillUnderway(Conflict):
    """This delivery is still being tried; it is repeated when it has ended."""

    kind = "still-underway"


@dataclass(frozen=True)
class Subscribed:
    """`secret` is there only for the request that made it."""

    subscription: Subscription
    secret: Secret | None = None


class Webhooks:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def subscribe(self, actor: Actor, wants: Wants, reason: str) -> Subscribed:
        actor.require(Permission.WEBHOOKS_MANAGE)
        check_wants(wants)
        id_ = actor.request or uuid4()
        secret = _fresh_secret()
        sealed, key = await sealed_apart(self._sealer, secret, secret_aad(actor.tenant, id_))
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.webhooks.all()
            if present := next((each for each in known if each.id == id_), None):
                return Subscribed(present)
            if len(known) >= MOST_WEBHOOKS:
                raise TooManyWebhooks(most=MOST_WEBHOOKS)
            subscription = Subscription(id_, 1, wants, sealed, actor.id, tx.now)
            if not await tx.webhooks.add(subscription):
                return Subscribed(await _existing(tx, id_))
            await tx.sealed_keys.add(key)
            await _noted(tx, Action.WEBHOOK_CREATED, actor, id_, reason, after=wants.to_json())
        return Subscribed(subscription, secret)

    async def all(self, actor: Actor) -> list[Subscription]:
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.webhooks.all()

    async def get(self, actor: Actor, webhook: UUID) -> Subscription:
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, webhook)

    async def replace(self, actor: Actor, webhook: UUID, wants: Wants, *, expected: int, reason: str) -> Subscription:
        """One that was switched off because it failed is given another chance by enabling it."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        check_wants(wants)
        async with self._store.transaction(actor.tenant) as tx:
            before = await _expected(tx, webhook, expected)
            if before.wants == wants:
                raise NothingChanges([Fault("", "equals the present webhook")])
            after = replace(before, version=expected + 1, wants=wants, failing_since=None, disabled_because=None)
            await tx.webhooks.save(after)
            told = {"before": before.wants.to_json(), "after": wants.to_json()}
            await _noted(tx, Action.WEBHOOK_CHANGED, actor, webhook, reason, **told)
            return after

    async def remove(self, actor: Actor, webhook: UUID, *, expected: int, reason: str) -> None:
        """With all that is on its way to it."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await _expected(tx, webhook, expected)
            await _cancel(tx, actor, await tx.webhooks.carrying(webhook))
            await tx.webhooks.remove(webhook)
            await _noted(tx, Action.WEBHOOK_REMOVED, actor, webhook, reason, before=before.wants.to_json())

    async def renew_secret(self, actor: Actor, webhook: UUID, reason: str) -> Subscribed:
        """What is delivered from now on is signed with the new one."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        secret = _fresh_secret()
        sealed, key = await sealed_apart(self._sealer, secret, secret_aad(actor.tenant, webhook))
        async with self._store.transaction(actor.tenant) as tx:
            before = await _existing(tx, webhook, lock=True)
            after = replace(before, version=before.version + 1, sealed=sealed)
            await tx.webhooks.save(after)
            await tx.sealed_keys.add(key)
            await _noted(tx, Action.WEBHOOK_SECRET_MADE, actor, webhook, reason)
        return Subscribed(after, secret)

    async def test(self, actor: Actor, webhook: UUID, reason: str) -> Delivery:
        """An event of its own, which goes nowhere else."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            subscription = await _existing(tx, webhook)
            event = Event(
                actor.request or new_event_id(tx.now), EventType.WEBHOOK_TESTED, tx.tenant, None, Subject(), tx.now,
                actor.id,
            )  # fmt: skip
            delivery = delivery_of(event, subscription)
            if await tx.webhooks.delivery(delivery.id) is None:
                await handed_out(tx, [delivery])
                await _noted(tx, Action.WEBHOOK_TESTED, actor, webhook, reason)
            return await _delivery(tx, webhook, delivery.id)

    async def deliveries(
        self, actor: Actor, webhook: UUID, state: DeliveryState | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Delivery]:
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, webhook)
            return await tx.webhooks.deliveries(webhook, state, before, limit)

    async def redeliver(self, actor: Actor, webhook: UUID, delivery: UUID, reason: str) -> Delivery:
        """With the same id: whoever had it already knows it again. Where its command is parked this is its retry.

        Raises StillUnderway, and what a retry raises.
        """
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, webhook)
            parked = await _parked(tx, (await _delivery(tx, webhook, delivery)).command)
            found = await _delivery(tx, webhook, delivery, lock=True)
            if found.state is DeliveryState.DUE:
                raise StillUnderway(attempts=found.attempts)
            if parked is not None:
                await _retry(tx, actor, parked, reason)
            else:
                await tx.webhooks.revive(delivery)
            after = {"delivery": str(delivery), "event": str(found.event), "was": found.state.value}
            await _noted(tx, Action.WEBHOOK_REDELIVERED, actor, webhook, reason, after=after)
            return await _delivery(tx, webhook, delivery)


def secret_aad(tenant: UUID, webhook: UUID) -> bytes:
    return bound_to(tenant, "webhook", webhook)


def _fresh_secret() -> Secret:
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


async def _existing(tx: Transaction, webhook: UUID, *, lock: bool = False) -> Subscription:
    found = await tx.webhooks.get(webhook, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="webhook", id=str(webhook))
    return found


async def _expected(tx: Transaction, webhook: UUID, expected: int) -> Subscription:
    found = await _existing(tx, webhook, lock=True)
    if found.version != expected:
        raise Stale(version=found.version, expected=expected)
    return found


async def _delivery(tx: Transaction, webhook: UUID, delivery: UUID, *, lock: bool = False) -> Delivery:
    found = await tx.webhooks.delivery(delivery, lock=lock)
    if found is None or found.webhook != webhook:
        raise Missing(kind_of_thing="delivery", id=str(delivery))
    return found


async def _cancel(tx: Transaction, actor: Actor, commands: list[str]) -> None:
    """What somebody is executing finds out by itself that its delivery is gone."""
    for start in range(0, len(commands), _AT_ONCE):
        still = await tx.commands.still(OWN, commands[start : start + _AT_ONCE])
        over = [each.canceled(tx.now) for each in still if each.state is CommandState.PARKED]
        over += [each.revoked(_REMOVED, tx.now) for each in still if each.state in WAITING]
        await moved(tx, over, actor=actor)


async def _parked(tx: Transaction, command: str | None) -> Parked | None:
    """The command before its delivery, as whoever executes does."""
    there = await tx.commands.get((OWN, command), lock=True) if command else None
    if there is None or there.state is not CommandState.PARKED:
        return None
    return await open_one(tx, there, there.key, there.version)


async def _retry(tx: Transaction, actor: Actor, parked: Parked, reason: str) -> None:
    decision = Decision(Act.RETRY, reason)
    if faults := decision.faults(tx.now):
        raise Invalid(faults)
    wish = Wish(actor.request or uuid4(), decision, decision.digest(actor.id, parked.record.key))
    await made(tx, actor, parked, wish, None)


async def _noted(
    tx: Transaction, action: Action, actor: Actor, webhook: UUID, reason: str, **facts: Mapping[str, Json]
) -> None:
    told = {name: dict(fact) for name, fact in facts.items()}
    await record(tx, action, ("webhook", webhook), actor=actor, reason=reason, **told)
