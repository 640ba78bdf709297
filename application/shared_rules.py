"""Shared rules (`$evaluators`) are one document of an environment; those that are authored are its segments."""

from dataclasses import dataclass

from application.ports.store import Store
from application.whole_sets import WholeSets
from domain.environments import Environment
from domain.flags import SHARED_RULES
from domain.flags.authoring import SEGMENT, is_segment
from domain.flags.evaluators import rules_of
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Segment:
    """An authored shared rule; `flags` are the keys of those that name it, in order."""

    name: str
    description: str | None
    owner: str | None
    flags: tuple[str, ...]


class SharedRules(WholeSets):
    def __init__(self, store: Store) -> None:
        super().__init__(store, SHARED_RULES)

    async def segments(self, actor: Actor, environment: Environment, after: str, limit: int) -> list[Segment]:
        """By name; rules that are written in JsonLogic are not among them."""
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            stored = await tx.flags.flag_set(environment)
        wanted = [name for name, rule in sorted(stored.evaluators.items()) if is_segment(rule) and name > after]
        used = {key: rules_of(flag) for key, flag in sorted(stored.flags.items())}
        found = []
        for name in wanted[:limit]:
            said = stored.evaluators[name][SEGMENT]
            users = tuple(key for key, rules in used.items() if name in rules)
            found.append(Segment(name, said.get("description"), said.get("owner"), users))
        return found
