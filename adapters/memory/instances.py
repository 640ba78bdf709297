"""Instances in memory, by where they run and what they are called."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows
from adapters.memory.tenants import Stage
from application.ports.instances import Written
from domain.changes import Kind
from domain.environments import Environment
from domain.events import EventType
from domain.instances import Convergence, Instance, Wish


class MemoryInstances:
    def __init__(self, rows: Rows, stage: Stage, home: UUID) -> None:
        self._rows = rows
        self._stage = stage
        self._home = home

    async def report(self, seen: Sequence[Instance], *, most: int) -> None:
        held = self._rows.instances
        for each in seen:
            place = (each.environment, each.name)
            before = held.get(place)
            if before is None:
                held[place] = each
            elif before.seen_at <= each.seen_at:
                held[place] = replace(each, holds=each.holds.over(before.holds))
        for gone in sorted(held.values(), key=lambda each: each.seen_at, reverse=True)[most:]:
            del held[gone.environment, gone.name]

    async def forget(self, named: Collection[tuple[Environment, str]]) -> None:
        for place in named:
            self._rows.instances.pop(place, None)

    async def page(
        self, environment: Environment, kind: Kind, since: datetime, after: str, limit: int
    ) -> list[Instance]:  # fmt: skip
        found = [each for each in self._live(environment, since) if each.name > after and _of(kind, each) is not None]
        return sorted(found, key=lambda each: each.name)[:limit]

    async def tally(self, environment: Environment, kind: Kind, since: datetime) -> dict[int, int]:
        held = (_of(kind, each) for each in self._live(environment, since))
        return dict(Counter(revision for revision in held if revision is not None))

    async def converged(self, wishes: Sequence[Wish], since: datetime) -> Convergence:
        live = [
            (wish, each.holds)
            for wish in wishes
            if self._stage.below(self._home, wish.tenant)
            for each in self._stage.rows_of(wish.tenant).instances.values()
            if each.environment is wish.environment and each.seen_at >= since and wish.concerns(each.holds)
        ]
        return Convergence(len(live), sum(wish.met(holds) for wish, holds in live))

    async def written(self, environment: Environment, kind: Kind, key: str, limit: int) -> list[Written]:
        found = [row.event for row in self._rows.told.values() if row.event.position is not None]
        mine = [
            event
            for event in sorted(found, key=lambda each: each.position or 0, reverse=True)
            if (event.environment, event.subject.key) == (environment, key)
            and (event.type.of_flags if kind is Kind.FLAG else event.type is EventType.SETTING_CHANGED)
            and (kind is Kind.FLAG or event.subject.scope == "")
        ]
        told = ((event.epoch, event.subject.version) for event in mine)
        return [Written(epoch, version) for epoch, version in told if epoch is not None and version is not None][:limit]

    def _live(self, environment: Environment, since: datetime) -> list[Instance]:
        return [each for (of, _), each in self._rows.instances.items() if of is environment and each.seen_at >= since]


def _of(kind: Kind, instance: Instance) -> int | None:
    return instance.holds.flags if kind is Kind.FLAG else instance.holds.settings
