"""What is kept of commands that take long: how far each has come, and whether somebody wants it canceled."""

from typing import Protocol

from domain.commands import Key
from domain.commands.operations import Operation
from domain.commands.progress import CommandProgress


class LongCommands(Protocol):
    """Beside `Commands`, which moves them."""

    async def progress(self, key: Key) -> CommandProgress | None:
        """The newest, of whichever attempt."""
        ...

    async def tell(self, progress: CommandProgress) -> None:
        """In the place of what was told before."""
        ...

    async def cancel_asked(self, key: Key, epoch: int) -> Operation | None:
        """The first decision that it be canceled which was made in this epoch."""
        ...
