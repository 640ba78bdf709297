"""Calendars and books are changed by a change where production asks for it, by those who may vote on its policy."""

from uuid import UUID

from application.policies import decided
from application.ports.store import Transaction
from application.settings.drafting import FILED, drafted_meaning
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Kind, NothingChanges, Target, difference
from domain.errors import Fault
from domain.people import Actor

Wanted = tuple[Kind, str, int, Json]
"""What is to be written: the kind and the key, over which version, and what it is to say."""


async def asked_about(tx: Transaction) -> bool:
    """Whether anybody is asked before a calendar or books change: one policy is for both."""
    return bool((await decided(tx, [FILED], Kind.FISCAL_CALENDAR, EVERYWHERE)).levels)


async def proposed(
    tx: Transaction, actor: Actor, wanted: Wanted, was: Json, reason: str, reverts: UUID | None
) -> ChangeSet:  # fmt: skip
    """The change that is to be submitted; NothingChanges where it says what holds."""
    kind, key, version, content = wanted
    if was is not None and not difference(was, content):
        raise NothingChanges([Fault("", "equals what holds now")])
    return await drafted_meaning(tx, actor, Target(FILED, kind, key, version, content), reason, reverts)
