"""Locks, freezes and release rules in memory, where one transaction runs at a time."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.memory.rows import Rows, as_stored
from adapters.memory.tenants import Stage
from application.ports.locks import RuleKind, StoredRule, Turn, TurnKind
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.locks import Claim, Cover, Freeze, FreezeKind, Place, rivals_of
from domain.rollouts import State


class MemoryTargetLocks:
    def __init__(self, stage: Stage, home: UUID) -> None:
        self._stage = stage
        self._home = home

    async def in_turn(self, places: Iterable[Place]) -> None:
        del places

    async def claim(self, rollout: UUID, places: Iterable[Place], priority: int) -> None:
        for place in places:
            if (rollout, place) in self._claims:
                raise AlreadyExists
            self._claims[rollout, place] = Claim(rollout, self._home, place, priority)

    async def of(self, rollout: UUID) -> list[Claim]:
        own = [each for each in self._claims.values() if each.rollout == rollout]
        return sorted(own, key=lambda each: each.place)

    async def rivals(self, rollout: UUID) -> list[Claim]:
        places = [each.place for each in await self.of(rollout)]
        return rivals_of(rollout, places, await self.at(places))

    async def at(self, places: Iterable[Place]) -> list[Claim]:
        wanted = list(places)
        every = [claim for tenant in self._line() for claim in self._stage.rows_of(tenant).target_locks.values()]
        return [each for each in every if any(each.place.meets(place) for place in wanted)]

    async def queue(self, rollout: UUID, since: datetime | None, priority: int) -> None:
        self._update(rollout, queued_at=since, priority=priority)

    async def take(self, rollout: UUID) -> int:
        for mine in await self.of(rollout):
            if any(each.held and each.place == mine.place for each in self._claims.values()):
                raise AlreadyExists
        rows = self._stage.rows_of(self._home)
        rows.lock_token += 1
        self._update(rollout, token=rows.lock_token, queued_at=None)
        return rows.lock_token

    async def let_go(self, rollout: UUID) -> None:
        self._update(rollout, token=None, queued_at=None, superseded_by=None)

    async def supersede(self, rollout: UUID, by: UUID) -> None:
        self._update(rollout, superseded_by=by)

    async def drop(self, rollout: UUID) -> None:
        for place in [place for place in self._claims if place[0] == rollout]:
            del self._claims[place]

    async def holders(self, environment: Environment) -> list[UUID]:
        held = [each for each in self._claims.values() if each.held and each.place.environment is environment]
        return sorted({each.rollout for each in held})

    @property
    def _claims(self) -> dict[tuple[UUID, Place], Claim]:
        return self._stage.rows_of(self._home).target_locks

    def _line(self) -> list[UUID]:
        """This tenant, those above it and those below."""
        ancestors = self._stage.tenancies[self._home].ancestors
        below = [each.id for each in self._stage.tenancies.values() if self._home in each.ancestors]
        return [*ancestors, self._home, *below]

    def _update(self, rollout: UUID, **values: Any) -> None:
        for place, claim in list(self._claims.items()):
            if claim.rollout == rollout:
                self._claims[place] = replace(claim, **values)


class MemoryFreezes:
    def __init__(self, stage: Stage, home: UUID) -> None:
        self._stage = stage
        self._home = home

    async def add(self, freeze: Freeze) -> bool:
        kept = self._stage.rows_of(self._home).freezes
        known = freeze.id in kept
        kept.setdefault(freeze.id, freeze)
        return not known

    async def get(self, freeze: UUID, *, lock: bool = False) -> Freeze | None:
        del lock
        return self._stage.rows_of(self._home).freezes.get(freeze)

    async def page(self, kind: FreezeKind, before: tuple[datetime, UUID] | None, limit: int) -> list[Freeze]:
        kept = [each for each in self._stage.rows_of(self._home).freezes.values() if each.kind is kind]
        every = sorted(kept, key=_newest, reverse=True)
        return [each for each in every if before is None or _newest(each) < before][:limit]

    async def over(self, at: datetime) -> list[Cover]:
        line = (*self._stage.tenancies[self._home].ancestors, self._home)
        every = [each for tenant in line for each in self._stage.rows_of(tenant).freezes.values()]
        return [each.cover for each in every if each.lifted_at is None and each.ends > at]

    async def lift(self, freeze: UUID, at: datetime, by: UUID) -> None:
        kept = self._stage.rows_of(self._home).freezes
        kept[freeze] = replace(kept[freeze], lifted_at=at, lifted_by=by)


class MemoryReleaseRules:
    def __init__(self, stage: Stage, home: UUID) -> None:
        self._rules = stage.rows_of(home).release_rules

    async def get(self, kind: RuleKind, name: str) -> StoredRule | None:
        every = [each for each in self._rules.values() if (each.kind, each.name) == (kind, name)]
        return _unshared(max(every, key=lambda each: each.version)) if every else None

    async def at(self, kind: RuleKind, name: str, version: int) -> StoredRule | None:
        found = self._rules.get((kind.value, name, version))
        return _unshared(found) if found else None

    async def page(self, kind: RuleKind, after: str, limit: int) -> list[StoredRule]:
        names = sorted({each.name for each in self._rules.values() if each.kind is kind and each.name > after})
        newest = [await self.get(kind, name) for name in names[:limit]]
        return [each for each in newest if each is not None]

    async def put(self, rule: StoredRule) -> None:
        place = (rule.kind.value, rule.name, rule.version)
        if place in self._rules:
            raise AlreadyExists
        self._rules[place] = _unshared(rule)

    async def asked(self, request: UUID) -> StoredRule | None:
        return next((_unshared(each) for each in self._rules.values() if each.request == request), None)


def turns_of(tenant: UUID, rows: Rows) -> list[Turn]:
    """What may have something to hear; whoever asks looks again before it speaks."""
    doomed = {each.rollout for each in rows.target_locks.values() if each.held and each.superseded_by is not None}
    told = []
    for each in rows.rollouts.values():
        if each.state in _TURNS:
            told.append(Turn(_TURNS[each.state], tenant, each.id))
        elif each.id in doomed and each.state in {State.RUNNING, State.PAUSED, State.BAKING}:
            told.append(Turn(TurnKind.SUPERSEDED, tenant, each.id))
    return told


_TURNS = {State.QUEUED: TurnKind.QUEUED, State.BLOCKED: TurnKind.BLOCKED}


def _newest(freeze: Freeze) -> tuple[datetime, UUID]:
    return freeze.created_at, freeze.id


def _unshared(rule: StoredRule) -> StoredRule:
    return replace(rule, content=as_stored(rule.content))
