"""What was made of the payloads of commands, and which decisions about them wait for another person."""

from typing import Protocol
from uuid import UUID

from domain.commands import Key
from domain.commands.repairs import Edit, Repair


class CommandRepairs(Protocol):
    """Beside `ParkedCommands`, which keeps what was decided."""

    async def add(self, repair: Repair) -> bool:
        """False when another one holds its command, or has its id."""
        ...

    async def get(self, id_: UUID, *, lock: bool = False) -> Repair | None: ...
    async def held(self, key: Key) -> Repair | None:
        """The one that waits."""
        ...

    async def of(self, key: Key) -> list[Repair]:
        """In the order in which they were asked for."""
        ...

    async def end(self, repair: Repair) -> None:
        """As it ended."""
        ...

    async def edit(self, edit: Edit) -> None:
        """Kept, and executed from now on."""
        ...

    async def edits(self, key: Key) -> list[Edit]:
        """In the order of their epochs."""
        ...
