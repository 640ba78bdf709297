"""A person lends the right to vote to another, for a time that both can see."""

from datetime import datetime

from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission


class Delegations:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def delegate(self, actor: Actor, to: str, starts: datetime, ends: datetime, reason: str) -> None:
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
            if not await tx.people.delegate(actor.id, taker.id, starts, ends):
                return
            await record(tx, Action.DELEGATION_CREATED, ("principal", taker.id), actor=actor, reason=reason,
                         after={"starts": starts.isoformat(), "ends": ends.isoformat()})  # fmt: skip
