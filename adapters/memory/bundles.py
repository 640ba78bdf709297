"""An environment as a whole, in memory."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import FlagSetHead, Rows, Tick, as_stored
from application.ports.bundles import Leaving, Sync
from application.ports.records import StoredFlag
from domain.changes import Kind
from domain.environments import Environment
from domain.flags import BUCKETING, SHARED_RULES
from domain.rollouts import StaleGeneration, State
from domain.settings import EntryState, Line, Scope, Section


class MemoryBundles:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def leaving(self, environment: Environment) -> AsyncIterator[Sequence[Leaving]]:
        at = self._tick()
        flags = await self.flags(environment)
        shared = flags.pop(SHARED_RULES, None)
        definitions = self._rows.setting_definitions
        yield [
            *(
                Leaving(Section.DEFINITIONS, key, as_stored(definitions[key][-1].definition))
                for key in sorted(definitions)
            ),
            *([Leaving(Section.EVALUATORS, SHARED_RULES, shared.definition)] if shared else []),
            *(Leaving(Section.FLAGS, key, flags[key].definition) for key in sorted(flags)),
            *(Leaving(Section.VALUES, line.key, line=line) for line in self._lines(environment) if _lasts(line, at)),
        ]

    def _lines(self, environment: Environment) -> list[Line]:
        lines = [
            Line(
                each.key, Scope(each.scope), each.entry.state,
                as_stored(each.entry.value) if each.entry.state is EntryState.SET else None,
                each.entry.enforced, each.entry.constraint, each.entry.since, each.entry.until,
            )
            for each in self._rows.entries.values()
            if each.environment is environment and each.entry.until != each.entry.since
        ]  # fmt: skip
        return sorted(lines, key=lambda line: (*line.place, line.since))

    async def flags(self, environment: Environment) -> dict[str, StoredFlag]:
        found = {key: flag for (place, key), flag in self._rows.flags.items() if place is environment}
        found.pop(BUCKETING, None)
        return {key: replace(flag, definition=as_stored(flag.definition)) for key, flag in found.items()}

    async def held(self, environment: Environment, keys: Collection[str]) -> dict[str, UUID]:
        return {
            each.key: each.id
            for each in self._rows.rollouts.values()
            if (each.environment, each.kind) == (environment, Kind.FLAG) and each.key in keys and not each.terminal
        }

    async def put_flags(self, environment: Environment, *flags: StoredFlag) -> None:
        for each in flags:
            present = self._rows.flags.get((environment, each.key))
            if (present.version if present else 0) != each.version - 1:
                raise StaleGeneration(key=each.key)
        for each in flags:
            stored = replace(each, definition=as_stored(each.definition))
            self._rows.flags[environment, each.key] = stored
            self._rows.versions[environment, each.key, each.version] = stored
        if flags:
            head = self._rows.sets.get(environment, FlagSetHead())
            self._rows.sets[environment] = replace(head, revision=head.revision + 1)

    async def sync(self, sync: Sync) -> None:
        counts = await self.synced(sync.environment)
        kept = [each for each in self._rows.syncs if each.environment is not sync.environment or each == counts]
        self._rows.syncs[:] = [*kept, replace(sync, at=self._tick())]

    async def synced(self, environment: Environment) -> Sync | None:
        wanted = [each for each in self._rows.syncs if each.environment is environment and self._counts(each)]
        return wanted[-1] if wanted else None

    def _counts(self, sync: Sync) -> bool:
        if sync.change is None:
            return True
        rollout = self._rows.rollouts.get(sync.change)
        return rollout is not None and rollout.state is State.SUCCEEDED


def _lasts(line: Line, at: datetime) -> bool:
    return line.until is None or line.until > at
