"""How far commands have come that take long, on the wire."""

from datetime import datetime

from api.schemas.common import Out
from domain.canonical import Json
from domain.commands.progress import CommandProgress


class CommandProgressOut(Out):
    """`said` is its handler's word, the newest one; the attempt that comes next is given it."""

    epoch: int
    attempt: int
    said: Json
    told_at: datetime

    @classmethod
    def of(cls, progress: CommandProgress) -> "CommandProgressOut":
        return cls(epoch=progress.epoch, attempt=progress.attempt, said=progress.said, told_at=progress.at)
