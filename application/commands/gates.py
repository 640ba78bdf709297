"""Of what is called in one process so much runs at a time: of all together, of a lane, and of what they depend on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from application.commands.handling import Handlers
from application.commands.turns import Group
from domain.commands import CommandRecord
from domain.commands.bounds import AT_ONCE_APART
from domain.commands.policies import TypePolicy

ALTOGETHER: Final = 64
OF_A_LANE: Final = 16
"""Of one tenant and domain."""


class Place(NamedTuple):
    """At one gate, which lets so many through at a time."""

    gate: Hashable
    most: int


ALONE: Final = Place("suspects", 1)
"""Of all lanes together: who is executed beside what kills its worker would be taken for that."""


@dataclass
class _Gate:
    free: asyncio.Semaphore
    users: int = 0


class Gates:
    """Who comes first goes first, at each of them."""

    def __init__(self) -> None:
        self._gates: dict[Hashable, _Gate] = {}

    @asynccontextmanager
    async def passed(self, places: Sequence[Place], until: float) -> AsyncIterator[bool]:
        """With a place at each; False, and with none, where there was none before the loop's clock said `until`.

        Whoever waits at a narrow gate takes no place at a wider one: the narrowest comes first.
        """
        async with AsyncExitStack() as taken:
            free = True
            try:
                async with asyncio.timeout_at(until):
                    for each in places:
                        await taken.enter_async_context(self._through(each))
            except TimeoutError:
                free = False
                await taken.aclose()
            yield free

    @asynccontextmanager
    async def _through(self, place: Place) -> AsyncIterator[None]:
        gate = self._gates.setdefault(place.gate, _Gate(asyncio.Semaphore(place.most)))
        gate.users += 1
        try:
            async with gate.free:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[place.gate]


def places(record: CommandRecord, policy: TypePolicy) -> list[Place]:
    """A receiver that hangs costs the others of its lane nothing, and a lane that does costs other lanes nothing."""
    dependency = policy.dependency(record.dependency)
    most = policy.at_once_apart if policy.apart else AT_ONCE_APART
    narrow = [Place(("dependency", record.tenant, dependency), most)] if dependency else []
    return [*narrow, Place(("lane", record.tenant, record.command.domain), OF_A_LANE), Place("all", ALTOGETHER)]


def side_by_side(groups: Iterable[Group], handlers: Handlers) -> list[tuple[list[Place], deque[Group]]]:
    """A line for each dependency, in their order; what has no handler any more is found out when it begins."""
    lines: dict[Hashable, tuple[list[Place], deque[Group]]] = {}
    for group in groups:
        handler = handlers.find(group[0].command)
        needed = places(group[0], handler.policy if handler else TypePolicy())
        lines.setdefault(needed[0].gate, (needed, deque()))[1].append(group)
    return list(lines.values())
