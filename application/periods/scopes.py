"""The general ledger and each sub-ledger have a gate of their own in every period."""

from dataclasses import replace
from typing import Any

from application.acting import done, remember
from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission
from domain.periods import Scope


class Scopes:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, code: str) -> Scope:
        actor.require(Permission.PERIODS_READ)
        for scope in await self.all(actor):
            if scope.code == code:
                return scope
        raise Missing(kind_of_thing="posting scope", code=code)

    async def all(self, actor: Actor) -> list[Scope]:
        """By code."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.books.scopes()

    async def put(self, actor: Actor, wish: Scope, *, expected: int, reason: str) -> Scope:
        """Over version 0 the first time; whether it is a ledger is said then. `wish.version` counts for nothing.

        The same over the version before gives the same answer again.
        """
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = next((each for each in await tx.books.scopes() if each.code == wish.code), None)
            if before and (before == replace(wish, version=expected + 1) or await done(tx, actor)):
                return before
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            if before and before.ledger != wish.ledger:
                raise Invalid(
                    [Fault("/ledger", "as it was: a sub-ledger closes before the ledger, whatever it becomes")]
                )
            after = Scope(wish.code, wish.name, wish.ledger, wish.sequential, version + 1)
            await tx.books.put_scope(after)
            await remember(tx, actor, "put-scope")
            await record(tx, Action.SCOPE_CHANGED, ("posting_scope", wish.code), actor=actor, reason=reason,
                         before=_fact(before) if before else None, after=_fact(after))  # fmt: skip
            return after


def _fact(scope: Scope) -> dict[str, Any]:
    return vars(scope)
