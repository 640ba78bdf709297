"""Rollouts, their timelines and the evidence of their gates, in memory."""

from dataclasses import replace
from uuid import UUID

from adapters.memory.rows import Rows, as_stored
from application.ports.records import Check
from application.ports.store import Place
from domain.errors import AlreadyExists
from domain.rollouts import TO_START, AlreadyTerminal, Rollout, Transition


class MemoryRollouts:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, rollout: Rollout) -> None:
        if rollout.id in self._rows.rollouts:
            raise AlreadyExists
        self._rows.rollouts[rollout.id] = rollout

    async def get(self, rollout: UUID, *, lock: bool = False) -> Rollout | None:
        del lock
        return self._rows.rollouts.get(rollout)

    async def page(self, before: Place | None, limit: int) -> list[Rollout]:
        wanted = [each for each in self._rows.rollouts.values() if before is None or _place(each) < before]
        return sorted(wanted, key=_place, reverse=True)[:limit]

    async def scheduled(self, after: Place | None, limit: int) -> list[Rollout]:
        waiting = [each for each in self._rows.rollouts.values() if each.state in TO_START and each.plan.apply_at]
        found = sorted(waiting, key=_moment)
        return [each for each in found if after is None or _moment(each) > after][:limit]

    async def save(self, rollout: Rollout) -> None:
        found = self._rows.rollouts.get(rollout.id)
        if found is None or (found.terminal and rollout.state is not found.state):
            raise AlreadyTerminal(state=found.state.value if found else None)
        self._rows.rollouts[rollout.id] = replace(
            found, state=rollout.state, stage=rollout.stage, phase=rollout.phase, cause=rollout.cause,
            verdict=rollout.verdict, live_version=rollout.live_version, revision=rollout.revision,
            base_version=rollout.base_version,
            started=rollout.started, stages=rollout.stages, superseded_by=rollout.superseded_by,
            emergency=rollout.emergency, priority=rollout.priority, reverts=rollout.reverts,
            ended_at=rollout.ended_at,
        )  # fmt: skip

    async def step(self, rollout: UUID, step: str) -> Transition | None:
        return next((line for line in self._rows.transitions.get(rollout, ()) if line.step == step), None)

    async def append(self, transition: Transition) -> None:
        lines = self._rows.transitions.get(transition.rollout, ())
        if any(line.seq == transition.seq or line.step == transition.step for line in lines):
            raise AlreadyExists
        self._rows.transitions[transition.rollout] = (*lines, transition)

    async def timeline(self, rollout: UUID) -> list[Transition]:
        return sorted(self._rows.transitions.get(rollout, ()), key=lambda line: line.seq)

    async def mark_started(self, rollout: UUID) -> None:
        found = self._rows.rollouts.get(rollout)
        if found is not None:
            self._rows.rollouts[rollout] = replace(found, started=True)


class MemoryEvidence:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, check: Check) -> None:
        if (check.rollout, check.number) in self._rows.checks:
            raise AlreadyExists
        self._rows.checks[check.rollout, check.number] = _unshared(check)

    async def get(self, rollout: UUID, number: int) -> Check | None:
        found = self._rows.checks.get((rollout, number))
        return _unshared(found) if found else None

    async def latest(self, rollout: UUID) -> Check | None:
        found = await self.all(rollout)
        return found[-1] if found else None

    async def all(self, rollout: UUID) -> list[Check]:
        mine = [check for (of, _), check in self._rows.checks.items() if of == rollout]
        return [_unshared(check) for check in sorted(mine, key=lambda check: check.number)]


def _unshared(check: Check) -> Check:
    return replace(check, record=as_stored(check.record), state=as_stored(check.state))


def _place(rollout: Rollout) -> Place:
    return rollout.created_at, rollout.id


def _moment(rollout: Rollout) -> Place:
    return rollout.plan.apply_at or rollout.created_at, rollout.id
