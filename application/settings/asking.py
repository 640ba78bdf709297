"""Whether a value would be accepted is answered by the checks of a write, and changes nothing."""

from dataclasses import replace

from application.ports.store import Store, Transaction
from application.settings.carrying import planned
from application.settings.definitions import existing_definition
from application.settings.plan import Pen
from application.settings.wishes import Order, Wish
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission
from domain.settings import Sealed, SettingEnforced, SettingType, type_faults

ITEM = "/items/0"
WHY = "asked whether it would be accepted"


class SettingQuestions:
    """For modules that keep a value of their own until it may be set."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def faults(self, actor: Actor, environment: Environment, wish: Wish) -> tuple[Fault, ...]:
        """What a write would have against it, at once and by this actor; empty where nothing.

        Raises PermissionMissing, or Missing where no setting has this key.
        """
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            definition = (await existing_definition(tx, wish.key)).definition
            if definition["type"] == SettingType.SECRET.value:
                if found := type_faults(SettingType.SECRET, wish.value, "/value"):
                    return tuple(found)
                wish = await _veiled(tx, environment, wish)
            try:
                await planned(tx, Pen.of(actor), Order(environment, (wish,), WHY), tx.now)
            except SettingEnforced as refusal:
                return (Fault("/value", f"enforced by {refusal.facts['by'] or 'the tenant'}"),)
            except Invalid as refusal:
                return tuple(replace(fault, path=fault.path.removeprefix(ITEM)) for fault in refusal.faults)
        return ()


async def _veiled(tx: Transaction, environment: Environment, wish: Wish) -> Wish:
    """As it would be sealed: no check looks into a secret."""
    latest = await tx.settings.latest(environment, [wish.key], [wish.scope.text])
    version = latest.get((wish.key, wish.scope.text), 0) + 1
    return replace(wish, value=Sealed("", "unknown", version).to_json())
