"""An approval system is set up by whoever governs policies, and votes as a principal that nobody can log in as."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from application.destinations import url_faults
from application.external.mapping import parsed_mapping
from application.locking.rules import window_called
from application.ports.outward import ApprovalSystem, Ticket
from application.ports.secrets import Sealer
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import bound_to, in_one, opened, sealed_apart, whole
from domain.approvals import ApprovalPolicy
from domain.approvals.tally import SYSTEM_HANDLE
from domain.audit import Action
from domain.canonical import Json
from domain.errors import AlreadyExists, Conflict, Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission, Principal, PrincipalKind

ISSUER: Final = "changegate-approval-systems"
"""No token of this issuer is ever accepted."""
MOST: Final = 20
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]{32,200}={0,2}")
_AUTHORIZATION: Final = re.compile(r"[!-~][ -~]{0,1999}")


class TooManySystems(Conflict):
    """This tenant has as many approval systems as it may have."""

    kind = "too-many-approval-systems"


@dataclass(frozen=True)
class SystemWish:
    """`secret` signs what is asked and answered; `authorization` is sent along.

    What is not given stays as it was, for the host that it was given for.
    """

    url: str
    mapping: Json
    secret: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)


class ApprovalSystems:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def put(self, actor: Actor, name: str, wish: SystemWish, *, expected: int, reason: str) -> ApprovalSystem:
        """The next version over `expected`, 0 for the first. Raises TooManySystems."""
        actor.require(Permission.POLICY_MANAGE)
        parsed_mapping(wish.mapping)
        faults = list(_faults(wish))
        if faults:
            raise Invalid(faults)
        async with self._store.transaction(actor.tenant) as tx:
            present = await tx.outward.system(name)
            # Whoever may point a system elsewhere must not be sent there what they could not read.
            stays = present is not None and _host(present.url) == _host(wish.url)
            seal = await whole(tx, self._sealer, present.sealed) if present is not None and stays else None
        if seal is None and wish.secret is None:
            raise Invalid([Fault("/secret", "is needed, and again where the host changes")])
        aad = system_aad(actor.tenant, name)
        held = await opened(self._sealer, seal, aad) if seal is not None else {}
        given = {"secret": wish.secret, "authorization": wish.authorization}
        secrets = {**held, **{name: text for name, text in given.items() if text}}
        kept, key = await sealed_apart(self._sealer, in_one(secrets), aad)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.outward.system(name, lock=True)
            if before is not None and actor.request is not None and before.request == actor.request:
                return before
            version = before.version if before else 0
            if version != expected or version != (present.version if present else 0):
                raise Stale(version=version, expected=expected)
            principal = before.principal if before else await _admitted(tx, name)
            after = ApprovalSystem(
                name, version + 1, wish.url, wish.mapping, kept, principal, actor.id, tx.now, actor.request
            )
            await tx.sealed_keys.add(key)
            await tx.outward.put_system(after)
            await record(
                tx, Action.APPROVAL_SYSTEM_CHANGED, ("approval_system", name), actor=actor, reason=reason,
                before={"version": version} if before else None,
                after={"version": after.version, "url": wish.url, "mapping": wish.mapping,
                       "renewed": sorted(name for name, text in given.items() if text)},
            )  # fmt: skip
            return after

    async def get(self, actor: Actor, name: str) -> ApprovalSystem:
        actor.require(Permission.POLICY_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, name)

    async def all(self, actor: Actor) -> list[ApprovalSystem]:
        actor.require(Permission.POLICY_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.outward.systems()

    async def remove(self, actor: Actor, name: str, *, expected: int, reason: str) -> None:
        """Levels that name it wait until it is set up again, or until their request expires."""
        actor.require(Permission.POLICY_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await _existing(tx, name, lock=True)
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            await tx.outward.remove_system(name)
            await record(tx, Action.APPROVAL_SYSTEM_REMOVED, ("approval_system", name), actor=actor, reason=reason,
                         before={"version": before.version, "url": before.url})  # fmt: skip

    async def tickets(self, actor: Actor, approval: UUID) -> list[Ticket]:
        """What was asked outside about a request, by level."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            if await tx.approvals.get(approval) is None:
                raise Missing(kind_of_thing="approval", id=str(approval))
            return await tx.outward.tickets_of(approval)


async def check_systems(tx: Transaction, policy: ApprovalPolicy, path: str = "/policy") -> None:
    """Invalid for a level that names a system, or a calendar that names a window, which nobody has set up."""
    known = {each.name for each in await tx.outward.systems()}
    everywhere = [(f"{path}/levels", policy.levels)]
    everywhere += [(f"{path}/rules/{place}/levels", rule.levels) for place, rule in enumerate(policy.rules)]
    faults = [
        Fault(f"{where}/{index}/external", "an approval system that is set up")
        for where, levels in everywhere
        for index, level in enumerate(levels)
        if level.external is not None and level.external not in known
    ]
    if policy.window is not None and await window_called(tx, policy.window) is None:
        faults.append(Fault(f"{path}/calendar/window", "a change window of this tenant"))
    if faults:
        raise Invalid(faults)


def system_aad(tenant: UUID, name: str) -> bytes:
    return bound_to(tenant, "approval_system", name)


async def _admitted(tx: Transaction, name: str) -> UUID:
    """The principal of this name, which has no roles; the one from before, where the system was removed since."""
    if len(await tx.outward.systems()) >= MOST:
        raise TooManySystems(most=MOST)
    handle = SYSTEM_HANDLE + name
    known = await tx.people.principal(handle)
    if known is not None:
        if known.issuer != ISSUER:
            raise AlreadyExists(handle=handle)
        return known.id
    made = Principal(tx.tenant, uuid5(tx.tenant, f"{ISSUER}/{name}"), ISSUER, name, handle, PrincipalKind.SERVICE)
    await tx.people.admit(made)
    return made.id


async def _existing(tx: Transaction, name: str, *, lock: bool = False) -> ApprovalSystem:
    found = await tx.outward.system(name, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="approval_system", name=name)
    return found


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _faults(wish: SystemWish) -> Iterator[Fault]:
    yield from url_faults(wish.url)
    if "?" in wish.url or wish.url.endswith("/"):
        yield Fault("/url", "an address without a question mark, that paths can be added to")
    if wish.secret is not None and not _SECRET.fullmatch(wish.secret):
        yield Fault("/secret", "whsec_ and at least 32 characters of base64")
    if wish.authorization is not None and not _AUTHORIZATION.fullmatch(wish.authorization):
        yield Fault("/authorization", "the value of an Authorization header, in visible ASCII")
