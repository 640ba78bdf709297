"""Who asks what a change or a draft would do is told from contexts that were sampled, or that they give."""

from dataclasses import dataclass
from uuid import UUID

from application.changes import existing_change
from application.definitions import checked_definition
from application.flag_impact.weighing import Contexts, Source, Weighed, changed, drawn, flags_of, seen, with_flag
from application.ports.store import Store
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Conflict
from domain.people import Actor, Permission


class NoFlagsChanged(Conflict):
    """This change writes no flag of its own tenant, so it has no contexts to be seen by."""

    kind = "no-flags-changed"


@dataclass(frozen=True)
class Answer:
    """`contexts` are what examples point to, where they may be shown; who gave them has them."""

    weighed: Weighed
    contexts: Contexts | None


class FlagImpacts:
    """Each raises PermissionMissing, Missing, Invalid, NoContexts or ImpactTooCostly where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_change(self, actor: Actor, change: UUID, given: Contexts | None) -> Answer:
        """From what it was written over; NoFlagsChanged where it is not about flags of this tenant."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await existing_change(tx, change)
            if not flags_of(found):
                raise NoFlagsChanged(id=str(change))
            return _answer(actor, await changed(tx, found, given))

    async def of_draft(self, actor: Actor, place: tuple[Environment, str], raw: Json, given: Contexts | None) -> Answer:
        """From what is stored now; a draft that could not be written is Invalid."""
        actor.require(Permission.FEATURES_READ)
        environment, key = place
        async with self._store.transaction(actor.tenant) as tx:
            definition = await checked_definition(tx, environment, key, raw)
            asked, stored = await drawn(tx, environment, given), await tx.flags.flag_set(environment)
            return _answer(actor, await seen(tx, asked, stored, with_flag(stored, key, definition)))


def _answer(actor: Actor, weighed: Weighed) -> Answer:
    """Attributes of sampled contexts are for who writes flags, or votes on them."""
    may = {Permission.FEATURES_MANAGE, Permission.CHANGE_APPROVE} & actor.permissions
    return Answer(weighed, weighed.drawn.contexts if may and weighed.source is Source.SAMPLED else None)
