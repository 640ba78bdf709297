"""Parked commands in memory, beside the rows of all commands."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from adapters.memory.rows import Catalogue, Rows
from application.ports.parked import CauseMark, ParkedFilter, ParkedMark
from domain.commands import CommandError, CommandState, Key, ParkedKind
from domain.commands.operations import RESOLVING, Cause, Operation, Parked
from domain.errors import Stale


class MemoryParkedCommands:
    def __init__(self, rows: Rows, catalogue: Catalogue, now: datetime) -> None:
        self._rows = rows
        self._catalogue = catalogue
        self._now = now

    async def get(self, key: Key) -> Parked | None:
        return next((each for each in self._all() if each.record.key == key), None)

    async def page(self, wanted: ParkedFilter, before: ParkedMark | None, limit: int) -> list[Parked]:
        found = sorted(self._fitting(wanted), key=_mark, reverse=True)
        return [each for each in found if before is None or _mark(each) < before][:limit]

    async def causes(self, wanted: ParkedFilter, before: CauseMark | None, limit: int) -> list[Cause]:
        together: dict[str, list[Parked]] = {}
        for each in self._fitting(wanted):
            together.setdefault(_error(each).fingerprint or "", []).append(each)
        found = sorted(map(self._cause, together.values()), key=lambda it: (it.count, it.fingerprint), reverse=True)
        return [each for each in found if before is None or (each.count, each.fingerprint) < before][:limit]

    async def note(self, parked: Parked) -> int:
        key, there = parked.record.key, self._rows.commands.get(parked.record.key)
        if there is None or there.version != parked.record.version or there.state is not CommandState.PARKED:
            raise Stale(kind_of_thing="command")
        noted = self._rows.parked_notes[key]
        self._rows.parked_notes[key] = replace(noted, assignee=parked.assignee, snoozed_until=parked.snoozed_until)
        self._rows.commands[key] = replace(there, version=there.version + 1)
        return there.version + 1

    async def operation(self, id_: UUID) -> Operation | None:
        return self._rows.command_operations.get(id_)

    async def operations(self, key: Key) -> list[Operation]:
        found = [each for each in self._rows.command_operations.values() if each.key == key]
        return sorted(found, key=lambda each: (each.at, each.version))

    async def add_operation(self, operation: Operation) -> bool:
        return self._rows.command_operations.setdefault(operation.id, operation) is operation

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        self._rows.command_operations.update({each.id: each for each in operations})

    def _all(self) -> Iterable[Parked]:
        for record in self._rows.commands.values():
            if record.state is CommandState.PARKED:
                noted = self._rows.parked_notes[record.key]
                yield Parked(record, noted.at or self._now, noted.assignee, noted.snoozed_until)

    def _fitting(self, wanted: ParkedFilter) -> Iterable[Parked]:
        return (each for each in self._all() if self._fits(each, wanted))

    def _fits(self, parked: Parked, wanted: ParkedFilter) -> bool:
        record, until = parked.record, parked.snoozed_until
        pairs = (
            (wanted.domain, record.command.domain),
            (wanted.type, record.command.type),
            (wanted.kind, record.parked),
            (wanted.cause, _error(parked).fingerprint),
            (wanted.assignee, parked.assignee),
            (wanted.snoozed, until is not None and until > self._now),
        )
        return all(asked is None or asked == found for asked, found in pairs)

    def _cause(self, together: list[Parked]) -> Cause:
        latest = max(together, key=_mark)
        error, type_ = _error(latest), latest.record.command.type
        policies = [self._catalogue.types[key].policy for key in sorted(self._catalogue.types) if key[0] == type_]
        policy = policies[-1] if policies else {}
        resolved = [
            each
            for each in self._rows.command_operations.values()
            if each.cause == error.fingerprint and each.act in RESOLVING
        ]
        return Cause(
            error.fingerprint or "", len(together), min(each.at for each in together), latest.at, type_,
            cast("ParkedKind", latest.record.parked), error.code, error.message, policy.get("owner"),
            policy.get("runbook"), max(resolved, key=lambda each: each.at, default=None),
        )  # fmt: skip


def _error(parked: Parked) -> CommandError:
    """Nothing is parked without one."""
    return cast("CommandError", parked.record.error)


def _mark(parked: Parked) -> ParkedMark:
    return parked.at, *parked.record.key
