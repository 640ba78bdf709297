"""An exception lets somebody else post where a gate does not, for a time, and is taken back at once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from application.periods.places import PeriodPlace, period_called, period_of, scopes_called
from application.ports.periods import ExceptionUse
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Forbidden, Invalid, Missing
from domain.people import Actor, Permission, Role
from domain.periods import (
    EXCEPTABLE,
    Grantee,
    Operation,
    PeriodGate,
    PeriodLocked,
    PeriodPending,
    PostingException,
    Status,
    facts,
)

LONGEST = timedelta(days=90)
_NEVER = {Status.PENDING: PeriodPending, Status.LOCKED: PeriodLocked}
"""No exception counts there."""


class OwnException(Forbidden):
    """An exception is granted by somebody who has nothing from it."""

    kind = "own-exception"


@dataclass(frozen=True)
class ExceptionWish:
    """For a person by their handle, or for a role; from now unless it begins later."""

    scope: str
    operations: frozenset[Operation]
    ends: datetime
    reason: str
    person: str | None = None
    role: Role | None = None
    begins: datetime | None = None
    most_entries: int | None = None


@dataclass(frozen=True)
class ExceptionView:
    """`handle` is that of the person, if it is for one."""

    exception: PostingException
    period: PeriodPlace
    handle: str | None
    holds: bool


class Exceptions:
    """Each raises PermissionMissing, Missing, BooksMissing, ScopeMissing or Invalid where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def grant(self, actor: Actor, entity: str, code: str, wish: ExceptionWish) -> ExceptionView:
        """OwnException to oneself; PeriodPending or PeriodLocked where none counts."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.periods.exception(actor.request) if actor.request else None
            if known is not None:
                return await _view(tx, known, await period_of(tx, known.key))
            place = await period_called(tx, entity, code)
            await scopes_called(tx, (wish.scope,))
            await _check_gate(tx, place, wish.scope)
            grantee, who = await _grantee(tx, actor, wish)
            begins = wish.begins or tx.now
            _check(wish, begins, tx.now)
            granted = PostingException(
                actor.request or uuid4(), place.key(wish.scope), grantee, who, wish.operations, wish.reason, actor.id,
                tx.now, begins, wish.ends, wish.most_entries,
            )  # fmt: skip
            await tx.periods.grant(granted)
            await record(tx, Action.EXCEPTION_GRANTED, ("posting_exception", granted.id), actor=actor,
                         reason=wish.reason, after=_fact(granted, place))  # fmt: skip
            return await _view(tx, granted, place)

    async def revoke(self, actor: Actor, exception: UUID, reason: str) -> ExceptionView:
        """From now on it lets nobody in; revoking what is revoked changes nothing."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            found = await _called(tx, exception, lock=True)
            place = await period_of(tx, found.key)
            if found.revoked_at is None:
                found = replace(found, revoked_at=tx.now, revoked_by=actor.id)
                await tx.periods.revoke(found)
                await record(tx, Action.EXCEPTION_REVOKED, ("posting_exception", exception), actor=actor,
                             reason=reason, before=_fact(found, place))  # fmt: skip
            return await _view(tx, found, place)

    async def get(self, actor: Actor, exception: UUID) -> tuple[ExceptionView, list[ExceptionUse]]:
        """With every entry that it let in, the first of them first."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await _called(tx, exception)
            uses = [each for each in await tx.periods.uses(found.key) if each.exception == exception]
            return await _view(tx, found, await period_of(tx, found.key)), uses

    async def page(
        self, actor: Actor, entity: str, code: str, after: UUID | None, limit: int
    ) -> list[ExceptionView]:  # fmt: skip
        """Those of one period, whatever became of them, by id."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, code)
            found = await tx.periods.exceptions(entity, place.id, after, limit)
            handles = await _handles(tx, found)
            return [ExceptionView(each, place, handles.get(each.who), _holds(each, tx.now)) for each in found]


async def _check_gate(tx: Transaction, place: PeriodPlace, scope: str) -> None:
    key = place.key(scope)
    gates = {gate.key: gate for gate in await tx.periods.gates(place.entity.code, [place.id])}
    gate = gates.get(key) or PeriodGate.pending(key)
    if gate.status in _NEVER:
        raise _NEVER[gate.status](**facts(gate, place.called))


async def _grantee(tx: Transaction, actor: Actor, wish: ExceptionWish) -> tuple[Grantee, str]:
    if (wish.person is None) == (wish.role is None):
        raise Invalid([Fault("/person", "a person by their handle, or `role`, and not both")])
    if wish.role is not None:
        if wish.role in actor.roles:
            raise OwnException(role=wish.role.value)
        return Grantee.ROLE, wish.role.value
    person = await tx.people.principal(wish.person or "")
    if person is None:
        raise Invalid([Fault("/person", "the handle of somebody of this tenant")])
    if person.id == actor.id:
        raise OwnException(person=wish.person)
    return Grantee.PERSON, str(person.id)


def _check(wish: ExceptionWish, begins: datetime, now: datetime) -> None:
    faults = []
    if not wish.operations or not wish.operations <= EXCEPTABLE:
        faults.append(Fault("/operations", "some of " + ", ".join(sorted(EXCEPTABLE))))
    if begins < now:
        faults.append(Fault("/begins", "an instant to come, or none for now"))
    if not begins < wish.ends <= begins + LONGEST:
        faults.append(Fault("/ends", f"after it begins, by at most {LONGEST.days} days"))
    if faults:
        raise Invalid(faults)


async def _called(tx: Transaction, exception: UUID, *, lock: bool = False) -> PostingException:
    found = await tx.periods.exception(exception, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="posting exception", id=str(exception))
    return found


async def _view(tx: Transaction, exception: PostingException, place: PeriodPlace) -> ExceptionView:
    handles = await _handles(tx, [exception])
    return ExceptionView(exception, place, handles.get(exception.who), _holds(exception, tx.now))


async def _handles(tx: Transaction, exceptions: Iterable[PostingException]) -> dict[str, str]:
    people = {UUID(each.who) for each in exceptions if each.grantee is Grantee.PERSON}
    return {str(person.id): person.handle for person in await tx.people.by_ids(sorted(people))}


def _holds(exception: PostingException, at: datetime) -> bool:
    """For whom it is for."""
    left = exception.most_entries is None or exception.used < exception.most_entries
    return exception.revoked_at is None and exception.begins <= at < exception.ends and left


def _fact(exception: PostingException, place: PeriodPlace) -> dict[str, Any]:
    return {
        "entity": place.entity.code,
        "period": place.code,
        "scope": exception.key.scope,
        exception.grantee.value: exception.who,
        "operations": sorted(exception.operations),
        "begins": exception.begins.isoformat(),
        "ends": exception.ends.isoformat(),
        "most_entries": exception.most_entries,
    }
