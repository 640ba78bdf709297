"""What has a workflow of its own, by its type or for itself, is leased alone and handed to it; it holds up no other."""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Collection, Hashable
from typing import Final

from temporal_outbox.relay import room

from application.commands.handling import Handlers
from application.commands.leasing import Lane, Leased, Leasing
from application.ports.command_runs import CommandRuns
from application.ports.commands import Types
from application.rounds import attended
from domain.commands import name_of

IN_FLIGHT: Final = 50
EACH: Final = 20
"""Long commands of one relay that have not ended, of a domain and of a tenant in it."""


class LeadingAlone:
    """The part of a relay's source that is for long commands."""

    def __init__(self, leasing: Leasing, runs: CommandRuns, handlers: Handlers) -> None:
        self._leasing = leasing
        self._runs = runs
        self._lines = [Types(handlers.alone, only=True), Types(handlers.alone, alone=True)]

    async def lease(self, lane: Lane, busy: Counter[Hashable], *, promoted: bool) -> AsyncGenerator[Leased]:
        """As many as there is room for, by turns those of such types and those `promoted`."""
        by_type, by_itself = self._lines
        lines = deque([by_type] if any(each.startswith(f"{lane[1]}.") for each in by_type.names) else [])
        lines.extend([by_itself] if promoted else [])
        in_lane, in_domain = self.counts(lane)
        while lines and room(busy, {in_lane: EACH, in_domain: IN_FLIGHT}) > 0:
            leased = await self._leasing.lease(lane, 1, lines[0], long=True)
            if not leased.records:
                lines.popleft()
                continue
            yield leased
            lines.rotate()

    def counts(self, lane: Lane) -> Collection[Hashable]:
        return ("long", lane), ("long", lane[1])

    async def begin(self, lease: Leased) -> None:
        await self._runs.start(lease.records[0])

    async def over(self, lease: Leased) -> None:
        (record,) = lease.records
        await attended(self._runs.over(record), what="long-command", command=name_of(record.key))
