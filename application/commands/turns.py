"""One execution of a lease: in which groups its commands are begun, which of them were, and what came of them."""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self, TypeAlias
from uuid import UUID

from application.commands.breaking import Ended, Hearing
from application.commands.handling import Handlers
from application.commands.reading import Ready
from application.ports.store import Transaction
from domain.commands import CommandRecord, Key

TOGETHER: Final = 50
"""Transactional commands in one transaction: PostgreSQL keeps 64 subtransactions of one at hand."""

Group: TypeAlias = Sequence[CommandRecord]
"""Commands that begin in one transaction."""
Work: TypeAlias = Callable[[Transaction], Awaitable[list[Ended]]]
"""What is done in a transaction, and what became of the commands that it was done for."""
NOBODY: Final[Group] = ()


@dataclass(frozen=True)
class Line:
    """What has not been begun yet: group after group, external ones side by side, and who lost a worker alone."""

    groups: deque[Group]
    beside: deque[Group]
    suspects: deque[Group]

    @classmethod
    def of(cls, records: Sequence[CommandRecord], handlers: Handlers) -> Self:
        """What lost a worker before is one of the groups by itself, so that it can take nobody with it."""
        together: list[CommandRecord] = []
        beside: list[CommandRecord] = []
        for each in records:
            if not each.crashes:
                handler = handlers.find(each.command)
                (together if handler is None or handler.transactional else beside).append(each)
        groups = [together[start : start + TOGETHER] for start in range(0, len(together), TOGETHER)]
        suspects: deque[Group] = deque([each] for each in records if each.crashes)
        return cls(deque(groups), deque([each] for each in beside), suspects)


def following(line: deque[Group], until: float = math.inf) -> Group:
    """Nobody once the loop's clock says so."""
    return line.popleft() if line and asyncio.get_running_loop().time() < until else NOBODY


@dataclass(frozen=True)
class Step:
    """What one transaction came to: those that run now, and those that are not of the lease any more."""

    ready: list[Ready]
    settled: list[CommandRecord]
    last: bool
    """Whether the lease ended with it."""


@dataclass
class Turn:
    """None is begun once the loop's clock says `until`; `begun` are those that this process has begun, or may have.

    `raised` is what some raised in a transaction that was lost with it: they are not called again to hear it.
    """

    tenant: UUID
    lease: UUID
    until: float
    begun: set[Key]
    left: int = 0
    ended: bool = False
    counted: Counter[str] = field(default_factory=Counter)
    raised: dict[Key, Exception] = field(default_factory=dict)
    hearing: Hearing = field(default_factory=Hearing)

    def took(self, step: Step) -> list[Ready]:
        """Once it is committed."""
        self.left -= len(step.settled)
        self.ended = step.last
        self.counted.update(each.state.value for each in step.settled)
        return step.ready


async def nothing(_: Transaction) -> list[Ended]:
    return []


def settling(each: Ready, after: Callable[[datetime], CommandRecord]) -> Work:
    async def work(tx: Transaction) -> list[Ended]:
        return [(each.handler.policy, after(tx.now))]

    return work
