"""Parts of rollouts in memory."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.flags import MemoryFlags
from adapters.memory.rows import Rows, Tick, as_stored
from adapters.memory.settings import MemorySettings
from adapters.memory.tenants import Stage
from application.ports.parts import Spot
from application.ports.records import StoredFlag
from application.ports.settings import StoredEntry
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import AlreadyExists, Missing
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState


class MemoryParts:
    def __init__(self, stage: Stage, tenant: UUID, tick: Tick) -> None:
        self._stage, self._rows, self._tick = stage, stage.rows_of(tenant), tick
        self._tenant = tenant

    async def add(self, parts: Collection[Part]) -> None:
        taken = {(each.rollout, each.place) for each in self._rows.parts.values()}
        for part in parts:
            if (part.rollout, part.ordinal) in self._rows.parts or (part.rollout, part.place) in taken:
                raise AlreadyExists
            taken.add((part.rollout, part.place))
            self._rows.parts[part.rollout, part.ordinal] = _unshared(part)

    async def of(self, rollout: UUID, *, upto_stage: int | None = None) -> list[Part]:
        found = [
            _unshared(each)
            for each in self._rows.parts.values()
            if each.rollout == rollout and (upto_stage is None or each.stage <= upto_stage)
        ]
        return sorted(found, key=lambda each: each.ordinal)

    async def save(self, *parts: Part) -> None:
        for part in parts:
            known = self._rows.parts.get((part.rollout, part.ordinal))
            if known is not None:
                self._rows.parts[part.rollout, part.ordinal] = _unshared(
                    replace(
                        known, base_version=part.base_version, live_version=part.live_version, stage=part.stage,
                        state=part.state, revision=part.revision, held=part.held, why=part.why,
                        refusals=part.refusals,
                    )
                )  # fmt: skip

    async def count(self, rollout: UUID) -> Mapping[PartState, int]:
        return Counter(each.state for each in self._rows.parts.values() if each.rollout == rollout)

    async def newest(self, environment: Environment, spots: Sequence[Spot]) -> Mapping[Spot, int]:
        self._check(each.tenant for each in spots)
        found = {each: _newest(self._stage.rows_of(each.tenant), environment, each) for each in spots}
        return {spot: version for spot, version in found.items() if version}

    async def enter(self, environment: Environment, tenants: Sequence[UUID]) -> Mapping[UUID, tuple[datetime, int]]:
        self._check(tenants)
        spaces = {each: MemorySettings(self._stage.rows_of(each), self._tick) for each in tenants}
        return {tenant: await space.enter(environment) for tenant, space in spaces.items()}

    async def values(
        self, environment: Environment, spots: Sequence[Spot], most: int
    ) -> Mapping[Spot, list[StoredEntry]]:  # fmt: skip
        self._check(each.tenant for each in spots)
        spaces = {each: MemorySettings(self._stage.rows_of(each.tenant), self._tick) for each in spots}
        return {
            spot: await space.history(environment, spot.key, spot.scope, sys.maxsize, most)
            for spot, space in spaces.items()
        }

    async def hold(self, environment: Environment, bases: Mapping[Spot, int]) -> Mapping[Spot, tuple[int, Json]]:
        self._check(each.tenant for each in bases)
        found = {}
        for spot, base in bases.items():
            flags = MemoryFlags(self._stage.rows_of(spot.tenant))
            present, then = await flags.get(environment, spot.key), await flags.version(environment, spot.key, base)
            if present is not None and then is not None:
                found[spot] = present.version, then
        return found

    async def put_back(self, flags: Sequence[tuple[UUID, StoredFlag]]) -> list[int]:
        self._check(tenant for tenant, _ in flags)
        spaces = [(MemoryFlags(self._stage.rows_of(tenant)), flag) for tenant, flag in flags]
        return [await space.put(flag, expected=flag.version - 1) for space, flag in spaces]

    def _check(self, tenants: Iterable[UUID]) -> None:
        if not all(self._stage.below(self._tenant, each) for each in tenants):
            raise Missing(kind_of_thing="tenant")

    async def held_by(self, environment: Environment, kind: Kind, key: str) -> list[Rollout]:
        place = (self._tenant, environment, kind, key)
        held = {each.rollout for each in self._rows.parts.values() if each.place == place}
        found = [each for each in self._rows.rollouts.values() if each.id in held and not each.terminal]
        return sorted(found, key=lambda each: (each.created_at, each.id))


def _newest(rows: Rows, environment: Environment, spot: Spot) -> int:
    if spot.kind is Kind.FLAG:
        flag = rows.flags.get((environment, spot.key))
        return flag.version if flag else 0
    here = (environment, spot.key, spot.scope)
    return max((version for *place, version in rows.entries if tuple(place) == here), default=0)


def _unshared(part: Part) -> Part:
    return replace(part, held=as_stored(part.held))
