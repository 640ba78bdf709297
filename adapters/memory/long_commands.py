"""CommandProgress of commands in memory."""

from dataclasses import replace

from adapters.memory.rows import Rows, as_stored
from domain.commands import Key
from domain.commands.operations import Act, Operation
from domain.commands.progress import CommandProgress


class MemoryLongCommands:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def progress(self, key: Key) -> CommandProgress | None:
        return self._rows.command_progress.get(key)

    async def tell(self, progress: CommandProgress) -> None:
        self._rows.command_progress[progress.key] = replace(progress, said=as_stored(progress.said))

    async def cancel_asked(self, key: Key, epoch: int) -> Operation | None:
        made = self._rows.command_operations.values()
        asked = [each for each in made if each.key == key and each.epoch == epoch and each.act is Act.CANCEL]
        return min(asked, key=lambda each: each.at, default=None)
