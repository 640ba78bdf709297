"""The workflows of commands that have one of their own, seen from the core."""

from typing import Protocol

from domain.commands import CommandRecord


class CommandRuns(Protocol):
    """Each method raises Unavailable when Temporal does not answer. A record names its command, epoch and lease."""

    async def start(self, record: CommandRecord) -> None:
        """Its lease is carried out, once, by whoever serves its domain; by the workflow that runs, where one does."""
        ...

    async def over(self, record: CommandRecord) -> None:
        """Returns once its workflow has ended, however it did, or was never begun."""
        ...

    async def alive(self, record: CommandRecord) -> bool:
        """Whether anything carries it on."""
        ...
