"""A long command is executed in a step of its own, which lives as long as its worker says so."""

from collections.abc import Callable, Mapping

from temporalio import activity

from activities.commands import Chunk
from activities.refusals import typed
from application.commands.lasting import Lasting
from application.commands.stand import CommandStand


class LongCommandActivities:
    def __init__(self, lasting: Lasting, ended: Callable[[str, Mapping[str, int]], None] | None = None) -> None:
        """`ended` is told of which domain one came to stand where."""
        self._lasting = lasting
        self._ended = ended

    @activity.defn(name="commands.carry_out")
    async def carry_out(self, leased: Chunk) -> CommandStand | None:
        """Where it stands then; None where somebody else has it. Its progress is in the database, its count here."""
        with typed():
            after = await self._lasting.execute(leased.tenant, leased.lease, activity.heartbeat)
        if after is None:
            return None
        if self._ended is not None:
            self._ended(after.command.domain, {after.state.value: 1})
        return CommandStand.of(after)
