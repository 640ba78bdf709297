"""People are asked under one name; who is in a group is looked at when they vote, and again when the change starts."""

from dataclasses import dataclass
from uuid import UUID

from application.acting import done, remember
from application.ports.records import Group
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission, PrincipalKind

MOST_MEMBERS = 500


@dataclass(frozen=True)
class GroupView:
    group: Group
    handles: dict[UUID, str]


class Groups:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, name: str) -> GroupView:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            group = await tx.groups.get(name)
            if group is None:
                raise Missing(kind_of_thing="group", name=name)
            return await _view(tx, group)

    async def all(self, actor: Actor) -> list[GroupView]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return [await _view(tx, group) for group in await tx.groups.all()]

    async def put(self, actor: Actor, name: str, members: list[str], *, expected: int, reason: str) -> GroupView:
        """These people by their handles, and nobody else; Stale when the group is at another version."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.groups.get(name) or Group(name, (), 0)
            if await done(tx, actor):
                return await _view(tx, before)
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            group = Group(name, await _people(tx, members), before.version + 1)
            if before.version and before.members == group.members:
                return await _view(tx, before)
            await tx.groups.put(group)
            await remember(tx, actor, "put-group")
            await record(tx, Action.GROUP_CHANGED, ("group", name), actor=actor, reason=reason,
                         before={"members": [str(each) for each in before.members]},
                         after={"members": [str(each) for each in group.members]})  # fmt: skip
            return await _view(tx, group)


async def _people(tx: Transaction, handles: list[str]) -> tuple[UUID, ...]:
    known = {person.handle: person for person in await tx.people.all()}
    faults = [
        Fault(f"/members/{place}", "a person of this tenant, by their handle")
        for place, handle in enumerate(handles)
        if handle not in known or known[handle].kind is not PrincipalKind.HUMAN
    ]
    if faults or len(handles) > MOST_MEMBERS:
        raise Invalid(faults or [Fault("/members", f"at most {MOST_MEMBERS}")])
    return tuple(sorted({known[handle].id for handle in handles}))


async def _view(tx: Transaction, group: Group) -> GroupView:
    people = await tx.people.by_ids(list(group.members))
    return GroupView(group, {person.id: person.handle for person in people})
