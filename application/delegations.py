"""A person lends the right to vote to another, for a time that both can see, and can ask it back."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.ports.records import Delegation
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Lent:
    """A delegation with the handles of both, and whether it holds now."""

    delegation: Delegation
    giver: str
    taker: str
    holds: bool


class Delegations:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def delegate(self, actor: Actor, to: str, starts: datetime, ends: datetime, reason: str) -> Delegation:
        """`actor` gives, the principal with handle `to` takes; the database holds both to it."""
        actor.require(Permission.CHANGE_APPROVE)
        if ends <= starts:
            raise Invalid([Fault("/ends", "after it starts")])
        async with self._store.transaction(actor.tenant) as tx:
            taker = await tx.people.principal(to)
            if taker is None:
                raise Missing(kind_of_thing="principal", handle=to)
            if taker.id == actor.id:
                raise Invalid([Fault("/to", "somebody else")])
            lent = Delegation(actor.id, taker.id, starts, ends)
            if await tx.people.delegate(actor.id, taker.id, starts, ends):
                await record(tx, Action.DELEGATION_CREATED, ("principal", taker.id), actor=actor, reason=reason,
                             after={"starts": starts.isoformat(), "ends": ends.isoformat()})  # fmt: skip
            return lent

    async def all(self, actor: Actor) -> list[Lent]:
        """Of the whole tenant, the one that ends last first: everybody sees who may vote for whom."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _told(tx, await tx.people.delegations())

    async def revoke(self, actor: Actor, delegation: UUID, reason: str) -> Lent:
        """By either of the two, or by whoever manages people; votes that were given stay. Missing for others."""
        async with self._store.transaction(actor.tenant) as tx:
            known = {each.id: each for each in await tx.people.delegations()}
            lent = known.get(delegation)
            theirs = lent is not None and actor.id in {lent.giver, lent.taker}
            if lent is None or not (theirs or Permission.PEOPLE_MANAGE in actor.permissions):
                raise Missing(kind_of_thing="delegation", id=str(delegation))
            if lent.revoked_at is None:
                await tx.people.revoke(lent)
                await record(tx, Action.DELEGATION_REVOKED, ("principal", lent.taker), actor=actor, reason=reason,
                             before={"giver": str(lent.giver), "ends": lent.ends.isoformat()})  # fmt: skip
                lent = replace(lent, revoked_at=tx.now)
            return (await _told(tx, [lent]))[0]


async def lenders_of(tx: Transaction, taker: UUID) -> list[UUID]:
    """Who lends this person their vote now."""
    return sorted({each.giver for each in await tx.people.delegations() if each.taker == taker and each.holds(tx.now)})


async def _told(tx: Transaction, lent: list[Delegation]) -> list[Lent]:
    people = await tx.people.by_ids([person for each in lent for person in (each.giver, each.taker)])
    handles = {person.id: person.handle for person in people}
    return [Lent(each, handles[each.giver], handles[each.taker], each.holds(tx.now)) for each in lent]
