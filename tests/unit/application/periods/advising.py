"""A process that answers about gates from memory, on a line on which only the test speaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from adapters.memory.store import MemoryStore
from application.periods.checking import Advice, PostingChecks, Question
from application.periods.known import KnownTables
from domain.people import Actor
from domain.periods import Operation
from tests.gatekeeping import Bookroom
from tests.world import World

PATIENCE = 30.0


class Line:
    """A line on which only the test speaks."""

    def __init__(self) -> None:
        self.line, self.silence = 1, 0.0
        self._said: asyncio.Queue[UUID | None] = asyncio.Queue()

    async def listen(self) -> AsyncIterator[UUID | None]:
        while True:
            yield await self._said.get()
            self._said.task_done()

    async def tell(self, word: UUID | None) -> None:
        """Returns when it has been heard."""
        self._said.put_nowait(word)
        await self._said.join()


class Adviser:
    """`books` are written as another process would, and nobody here hears of it by itself; `seconds` is the time."""

    def __init__(self, world: World, **room: Any) -> None:
        self.world, self.wire, self.seconds = world, Line(), 1_000.0
        self.books = Bookroom(world.store, world.tenant.id, world.root.id)
        tables = KnownTables(world.store, self.wire, PATIENCE, **room, seconds=lambda: self.seconds)
        self.checks = PostingChecks(world.store, tables, world.clock)

    async def ask(
        self, on: str = "2024-03-15", operation: str = "transaction", scope: str = "AP", **more: Any
    ) -> Advice:  # fmt: skip
        actor: Actor = more.get("by", self.world.eve)
        question = Question(more.get("entity", "acme"), scope, Operation(operation), on, more.get("period"), "/here")
        return (await self.checks.ask(actor, [question], more.get("person"))).advices[0]

    async def told(self, **asked: Any) -> str:
        """What it is refused for; empty when it is allowed."""
        refusal = (await self.ask(**asked)).refusal
        return refusal.kind if refusal else ""

    def down(self, *, so: bool = True) -> None:
        assert isinstance(self.world.store, MemoryStore)
        self.world.store.down = so
