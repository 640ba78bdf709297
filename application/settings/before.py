"""An import that is sent again is known; the settings that it brings are defined once, before their values."""

from application.events.telling import tell_definition
from application.ports.settings import StoredDefinition
from application.ports.store import Transaction
from application.recording import record
from application.settings.arriving import Arrival
from domain.audit import Action
from domain.people import Actor


async def written_before(tx: Transaction, actor: Actor) -> bool:
    """Whether this very request was carried out before."""
    if actor.request is None:
        return False
    found = await tx.settings.written(actor.request) or await tx.settings.defined(actor.request)
    return bool(found or await tx.flags.asked(actor.request))


async def proposed_before(tx: Transaction, actor: Actor) -> bool:
    return actor.request is not None and await tx.changes.get(actor.request) is not None


async def define(tx: Transaction, actor: Actor, arrival: Arrival, key: str, *, first: bool) -> None:
    definition = arrival.wanted.definitions[key].to_json()
    stored = StoredDefinition(key, 1, definition, actor.id, tx.now, actor.request if first else None)
    await tx.settings.put_definition(stored, expected=0)
    await record(
        tx, Action.SETTING_DEFINED, ("setting_definition", key), actor=actor, reason=arrival.reason,
        after={"version": 1, "definition": definition},
    )  # fmt: skip
    await tell_definition(tx, actor, key, 1)
