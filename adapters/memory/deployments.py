"""Deployments by their target, in memory."""

from uuid import UUID

from adapters.memory.rows import Rows
from application.ports.deployments import Deployed, Place
from application.ports.records import Check
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts import State, Transition


class MemoryDeployments:
    def __init__(self, rows: Rows, tenant: UUID) -> None:
        self._rows = rows
        self._tenant = tenant

    async def of_target(
        self, environment: Environment, kind: Kind, key: str, before: Place | None, limit: int
    ) -> list[Deployed]:
        found = [each for each in self._all(environment, kind, key) if before is None or _place(each) < before]
        return sorted(found, key=_place, reverse=True)[:limit]

    async def stable(self, environment: Environment, kind: Kind, key: str) -> Deployed | None:
        found = [each for each in self._all(environment, kind, key) if each.state is State.SUCCEEDED]
        return max(found, key=lambda each: (each.ended_at or each.created_at, each.rollout), default=None)

    async def moves(self, rollout: UUID, after: int, limit: int) -> list[Transition]:
        return [each for each in self._rows.transitions.get(rollout, ()) if each.seq > after][:limit]

    async def checks(self, rollout: UUID, after: int, limit: int) -> list[Check]:
        found = [each for (of, number), each in self._rows.checks.items() if of == rollout and number > after]
        return sorted(found, key=lambda each: each.number)[:limit]

    def _all(self, environment: Environment, kind: Kind, key: str) -> list[Deployed]:
        parts = {part.rollout: part for part in self._rows.parts.values()
                 if part.place == (self._tenant, environment, kind, key)}  # fmt: skip
        found = []
        for each in self._rows.rollouts.values():
            mine = parts.get(each.id)
            if mine is None and (each.environment, each.kind, each.key) != (environment, kind, key):
                continue
            versions = mine or each
            found.append(Deployed(each.id, each.state, versions.base_version, versions.live_version, each.created_at,
                                  each.ended_at))  # fmt: skip
        return found


def _place(deployed: Deployed) -> Place:
    return deployed.created_at, deployed.rollout
