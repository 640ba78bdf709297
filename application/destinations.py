"""A tenant says where it is told: a webhook, a channel, or a list of mail addresses, each under a name."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from application.ports.notify import FACTS, Channel
from application.ports.outward import Destination, DestinationKind
from application.ports.records import Notice
from application.ports.secrets import Sealer
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import bound_to, in_one, sealed_apart
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission

MOST: Final = 50
MOST_ADDRESSES: Final = 50
LONGEST_URL: Final = 2000
CHANNELS: Final = {
    DestinationKind.WEBHOOK: Channel.WEBHOOK,
    DestinationKind.SLACK: Channel.SLACK,
    DestinationKind.EMAIL_LIST: Channel.MAIL,
}
_MAILBOX: Final = re.compile(r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]{1,189}")
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]{24,200}={0,2}")


class TooManyDestinations(Conflict):
    """This tenant has as many destinations as it may have."""

    kind = "too-many-destinations"


@dataclass(frozen=True)
class DestinationWish:
    """`secret` signs what a webhook is sent; no events are all of them, no environments all environments."""

    kind: DestinationKind
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    events: tuple[str, ...] = ()
    environments: tuple[Environment, ...] = ()
    enabled: bool = True

    def to_json(self) -> dict[str, Json]:
        """For the trail, which is no place for addresses."""
        return {
            "kind": self.kind.value,
            "shown": self.shown,
            "events": list(self.events),
            "environments": [each.value for each in self.environments],
            "enabled": self.enabled,
        }

    @property
    def shown(self) -> str:
        """What people see: what stands after a host may be a secret, and an address of a person is theirs."""
        if self.url is None:
            return f"{len(self.addresses)} addresses" if len(self.addresses) != 1 else "1 address"
        return f"{urlsplit(self.url).scheme}://{urlsplit(self.url).hostname}"


class Destinations:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def put(self, actor: Actor, name: str, wish: DestinationWish, *, expected: int, reason: str) -> Destination:
        """The next version over `expected`, 0 for the first. Raises TooManyDestinations."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        faults = list(_faults(wish))
        if faults:
            raise Invalid(faults)
        held = {"url": wish.url, "secret": wish.secret, "addresses": list(wish.addresses)}
        kept, key = await sealed_apart(self._sealer, in_one(held), destination_aad(actor.tenant, name))
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.outward.destination(name, lock=True)
            if before is not None and actor.request is not None and before.request == actor.request:
                return before
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            if before is None and len(await tx.outward.destinations()) >= MOST:
                raise TooManyDestinations(most=MOST)
            after = Destination(
                name, version + 1, wish.kind, kept, wish.shown, wish.events, wish.environments, wish.enabled, actor.id,
                tx.now, actor.request,
            )  # fmt: skip
            await tx.sealed_keys.add(key)
            await tx.outward.put_destination(after)
            await record(tx, Action.DESTINATION_CHANGED, ("destination", name), actor=actor, reason=reason,
                         before={"version": version} if before else None,
                         after={"version": after.version, **wish.to_json()})  # fmt: skip
            return after

    async def get(self, actor: Actor, name: str) -> Destination:
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, name)

    async def all(self, actor: Actor) -> list[Destination]:
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.outward.destinations()

    async def remove(self, actor: Actor, name: str, *, expected: int, reason: str) -> None:
        """What is on its way to it goes nowhere."""
        actor.require(Permission.WEBHOOKS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await _existing(tx, name, lock=True)
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            await tx.outward.remove_destination(name)
            await record(tx, Action.DESTINATION_REMOVED, ("destination", name), actor=actor, reason=reason,
                         before={"version": before.version, "shown": before.shown})  # fmt: skip


def destination_aad(tenant: UUID, name: str) -> bytes:
    return bound_to(tenant, "destination", name)


def place_of(address: str) -> str:
    """Which address of a list a message is for, without saying it."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


async def spread(tx: Transaction, told: Notice) -> list[Notice]:
    """A message for the tenant becomes one for each destination that wants it; doing it twice gives the same."""
    return [
        replace(told, id=uuid5(told.id, each.name), destination=each.name)
        for each in await tx.outward.destinations()
        if each.takes(told.template, told.facts.get("environment"))
    ]


def spread_list(told: Notice, addresses: list[str]) -> list[Notice]:
    """A message for a list becomes one for each address, so that each has it once whatever befalls the others."""
    places = dict.fromkeys(place_of(each) for each in addresses)
    return [replace(told, id=uuid5(told.id, each), place=each) for each in places]


async def _existing(tx: Transaction, name: str, *, lock: bool = False) -> Destination:
    found = await tx.outward.destination(name, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="destination", name=name)
    return found


def _faults(wish: DestinationWish) -> Iterator[Fault]:
    unknown = sorted(set(wish.events) - FACTS.keys())
    if unknown:
        yield Fault("/events", "some of " + ", ".join(sorted(FACTS)))
    if wish.kind is DestinationKind.EMAIL_LIST:
        if wish.url is not None or wish.secret is not None:
            yield Fault("/url", "a list has addresses and nothing else")
        if not 1 <= len(wish.addresses) <= MOST_ADDRESSES:
            yield Fault("/addresses", f"1 to {MOST_ADDRESSES} mail addresses")
        for index, address in enumerate(wish.addresses):
            if not address.isascii() or not _MAILBOX.fullmatch(address):
                yield Fault(f"/addresses/{index}", "a mail address")
        return
    if wish.addresses:
        yield Fault("/addresses", "only for a list")
    yield from url_faults(wish.url)
    if wish.kind is DestinationKind.SLACK and wish.secret is not None:
        yield Fault("/secret", "only for a webhook: the address of a channel is its secret")
    if wish.kind is DestinationKind.WEBHOOK and not _SECRET.fullmatch(wish.secret or ""):
        yield Fault("/secret", "whsec_ and at least 24 characters of base64, which sign what is sent")


def url_faults(url: str | None, path: str = "/url") -> Iterator[Fault]:
    """What is wrong with an address; whether it may be called is decided at each call."""
    try:
        parts = urlsplit(url or "")
        good = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not url or not good:
        yield Fault(path, "expected an address that begins with https://")
    elif len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        yield Fault(path, f"expected at most {LONGEST_URL} visible ASCII characters")
    elif parts.username is not None or parts.password is not None or parts.fragment:
        yield Fault(path, "an address has no user, password or fragment")
