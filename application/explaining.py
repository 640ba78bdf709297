"""Why a context gets this variant is told of what is served now, of an earlier version, or of a draft."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from application.acting import Clock
from application.definitions import checked_definition
from application.evaluation import FlagSets
from application.ports.records import FlagSetRecord
from application.ports.store import Store
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing
from domain.flags import Bucketing
from domain.flags.explaining import Explanation, explain, written
from domain.flags.publishing import Publication
from domain.flags.resolution import Setting
from domain.json_value import Json
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Question:
    """With neither a version nor a definition it is about what is served; Invalid with both."""

    context: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    definition: Json = None

    def __post_init__(self) -> None:
        if self.version is not None and self.definition is not None:
            raise Invalid([Fault("/definition", "expected a version or a definition, not both")])


@dataclass(frozen=True)
class Explained:
    explanation: Explanation
    bucketing: Bucketing
    revision: int


class Explaining:
    """Whatever the question, other flags and shared rules are those that are served."""

    def __init__(self, store: Store, flag_sets: FlagSets, clock: Clock) -> None:
        self._store = store
        self._flag_sets = flag_sets
        self._clock = clock

    async def explain(self, actor: Actor, place: tuple[Environment, str], question: Question) -> Explained:
        """Raises PermissionMissing, Invalid, or Missing where no such flag, or version of it, is there."""
        actor.require(Permission.FEATURES_READ)
        shelf = await self._flag_sets.shelf(actor.tenant, place[0])
        kept = shelf.stored, shelf.published
        asked = await self._asked_about(actor, place, question)
        return await asyncio.to_thread(self._explained, place, kept, asked, question.context)

    def _explained(
        self,
        place: tuple[Environment, str],
        kept: tuple[FlagSetRecord, Publication],
        asked: Json,
        context: Mapping[str, Any],
    ) -> Explained:
        environment, key = place
        served, published = kept
        if asked is not None:
            published = published.with_flags({key: asked})
        if key not in published.flags:
            raise Missing(kind_of_thing="flag", key=key, environment=environment.value)
        named = written(served.flags[key] if asked is None else asked, served.evaluators)
        now = self._clock().timestamp()
        setting = Setting(published.bucketing, served.metadata, published.shared, lambda: now)
        explanation = explain(key, published.flags[key], setting, context, named)
        return Explained(explanation, published.bucketing, served.revision)

    async def _asked_about(self, actor: Actor, place: tuple[Environment, str], question: Question) -> Json:
        """None where it is what is served."""
        environment, key = place
        if question.version is None and question.definition is None:
            return None
        async with self._store.transaction(actor.tenant) as tx:
            if question.definition is not None:
                return await checked_definition(tx, environment, key, question.definition)
            found = await tx.flags.version(environment, key, question.version or 0)
        if found is None:
            raise Missing(kind_of_thing="flag", key=key, environment=environment.value, version=question.version)
        return found
